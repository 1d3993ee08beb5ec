"""Who polls triggers, since when, and what the last poll was answered: for people who ask why a flow did not start."""
