"""Examines everything that the gateway depends on, and says what mends it."""
