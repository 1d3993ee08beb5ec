"""The settings that are a choice among few words."""

from enum import StrEnum


class Credential(StrEnum):
    """How the app proves to Entra ID who it is."""

    FEDERATED = "federated"
    CERTIFICATE = "certificate"
    SECRET = "secret"  # noqa: S105 - the name of a mode, not a secret
    PASSWORD = "password"  # noqa: S105 - the name of a mode, not a password


class Switch(StrEnum):
    """A setting that is off or on."""

    OFF = "off"
    ON = "on"


class IdentitySource(StrEnum):
    """Whose identity opens Key Vault (and signs the federated assertion)."""

    MANAGED = "managed-identity"
    AZURE_CLI = "azure-cli"
