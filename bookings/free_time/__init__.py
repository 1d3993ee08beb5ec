"""Finds free time: opening hours, booking rules, busy times, slots."""
