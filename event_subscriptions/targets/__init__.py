"""The targets of event subscriptions: where event deliveries go."""
