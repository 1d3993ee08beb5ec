"""The base: settings, credentials, errors, retries, transport and the Graph client. Knows no feature."""
