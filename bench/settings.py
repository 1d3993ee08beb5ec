"""The settings of a gateway that reads mail and asks nobody: storage is in memory, its sink is a queue."""

import json
from collections.abc import Sequence
from typing import Any

from inbound_mail.sinks import check_sink
from shared.settings.config import Settings, load_settings

SINK = "tickets"
_SETTINGS = {
    "KEY_VAULT_URL": "https://contoso-vault.vault.azure.net/",
    "GRAPH_TENANT_ID": "11111111-1111-1111-1111-111111111111",
    "GRAPH_CLIENT_ID": "22222222-2222-2222-2222-222222222222",
    "GRAPH_CREDENTIAL": "secret",
    "GRAPH_CREDENTIAL_NAME": "graph-secret",
    "SINKS": json.dumps({SINK: {"kind": "storage-queue", "queue": "tickets"}}),
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}


def load_mail_settings(mailboxes: Sequence[dict[str, Any]]) -> Settings:
    """Return the settings with these mailboxes, whose sink is SINK."""
    return load_settings(_SETTINGS | {"MAILBOXES": json.dumps(mailboxes)}, check_sink=check_sink)
