"""Holds of slots: a place is kept for some minutes, and each write of the gateway takes its place first."""
