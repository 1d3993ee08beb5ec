"""Api of the sign-in service: discovery, user realm and the token endpoint of Microsoft Entra ID."""
