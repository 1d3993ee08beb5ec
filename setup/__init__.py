"""Sets the gateway up in a tenant: registers its Entra app without a click. Run by a person, never deployed."""
