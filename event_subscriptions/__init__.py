"""Event subscriptions: callers name a target, and each event that fits is sent there, in order and at least once."""
