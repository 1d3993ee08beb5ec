"""What `up` does: check, start storage, simulated cloud and app, print what to paste, and end all of it."""
