"""The triggers: what wakes a function, what it asks of a use case, and how the answer goes out."""
