"""The app's settings: catalogue, reading, checking."""
