"""Offline only, never deployed: the commands, the local Functions host and the simulator."""
