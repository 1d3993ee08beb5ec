"""Rehearsals: the whole app at work while it is killed again and again; afterwards each thing was done exactly once."""
