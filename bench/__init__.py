"""What the gateway costs, as counts and ratios within one run: never as a timed test."""
