"""Api of Azure Key Vault: the secrets interface of any number of vaults."""
