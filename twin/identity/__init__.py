"""Api of the platform's managed identity endpoint (App Service and Functions)."""
