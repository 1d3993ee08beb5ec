"""Benchmarks: they print counts and ratios within one run. No test depends on their times."""
