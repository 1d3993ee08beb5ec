"""The base: settings, credentials, errors, retries, transport and the Graph client. Imports no feature."""
