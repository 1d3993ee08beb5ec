"""Small real function apps, and what runs them."""
