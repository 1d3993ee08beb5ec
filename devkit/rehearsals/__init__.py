"""Rehearsals: the app works while it is killed again and again; afterwards everything must be done exactly once."""
