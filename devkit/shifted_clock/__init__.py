"""Found through PYTHONPATH by every Python process of a test run that works on another day; see devkit/clock.py."""
