"""Delivers stored mails to sinks, each mail once to each sink."""
