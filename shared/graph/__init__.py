"""Microsoft Graph v1.0: one client, and one module for each area of it that the gateway uses."""
