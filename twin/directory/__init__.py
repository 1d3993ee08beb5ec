"""Api of the directory: app registrations, enterprise applications and consent, as Microsoft Graph shows them."""
