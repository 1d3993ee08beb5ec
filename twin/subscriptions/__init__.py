"""Change notifications of Graph: subscriptions, the handshake, deliveries with their retries, lifecycle events."""
