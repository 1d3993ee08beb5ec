"""Doubles of other connectors: they record what was done, and refuse what the genuine ones refuse, in their words."""
