"""The catalogue of settings: name, default, sample, meaning. Docs, sample and infrastructure are tested against it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One entry of the catalogue. `default` None: required, or needed only with another setting (see `text`)."""

    name: str
    default: str | None
    sample: str
    text: str


SETTINGS = (
    Setting(
        "KEY_VAULT_URL", None, "https://my-vault.vault.azure.net", "The vault that holds credentials and the state key."
    ),
    Setting("GRAPH_CLOUD", "global", "global", "Microsoft cloud: global, usgov, usgov-dod or china."),
    Setting(
        "GRAPH_TENANT_ID", None, "00000000-0000-0000-0000-000000000000", "Directory (tenant) id, or a verified domain."
    ),
    Setting(
        "GRAPH_CLIENT_ID", None, "00000000-0000-0000-0000-000000000000", "Application (client) id of the registration."
    ),
    Setting(
        "GRAPH_CREDENTIAL",
        "federated",
        "secret",
        "How the app signs in: federated (user-assigned identity, no secret), certificate, secret or password.",
    ),
    Setting(
        "GRAPH_CREDENTIAL_NAME",
        None,
        "graph-client-secret",
        "Key Vault name of the credential; needed for certificate, secret and password, refused for federated.",
    ),
    Setting(
        "IDENTITY_CLIENT_ID",
        None,
        "",
        "Client id of the user-assigned identity; needed for federated, optional elsewhere.",
    ),
    Setting(
        "IDENTITY_SOURCE",
        "managed-identity",
        "azure-cli",
        "Who opens Key Vault: managed-identity, or azure-cli on a developer's machine.",
    ),
    Setting(
        "GRAPH_CONNECTIONS",
        "{}",
        "{}",
        "Further tenants: a JSON object, name -> {cloud, tenant_id, client_id, credential, credential_name, "
        "identity_client_id, bookings_businesses, bookings_writes}. The plain settings are the connection called "
        "default.",
    ),
    Setting(
        "BOOKINGS_BUSINESSES",
        "",
        "ithelpdesk@contoso.example",
        "Booking businesses that may be asked about: ids (SMTP addresses) separated by commas, or * for all. "
        "Empty allows none.",
    ),
    Setting(
        "BOOKINGS_WRITES",
        "off",
        "off",
        "Whether appointments and customers may be written: off or on. Keys against repetition are kept in the app's "
        "storage account.",
    ),
    Setting(
        "STATE_KEY_NAME",
        "gateway-state-key",
        "gateway-state-key",
        "Key Vault name of the key (32 random bytes, Base64) that signs paging cursors.",
    ),
    Setting(
        "PUBLIC_BASE_URL",
        "",
        "",
        "Address that links in answers begin with, such as https://gateway.contoso.example/api; empty: as asked.",
    ),
    Setting(
        "MAILBOXES",
        "[]",
        "[]",
        "Mailboxes to read: a JSON list of {name, address, folders, connection, sinks, since, "
        "write_back: {read, category, move_to}, attachment_mb, page_size, alarm_minutes}.",
    ),
    Setting(
        "SINKS",
        "{}",
        "{}",
        "Where mails go: a JSON object, name -> {kind: easyvista, webhook or storage-queue, and its options}.",
    ),
    Setting(
        "MAILBOX_POLL_SCHEDULE",
        "0 * * * * *",
        "0 * * * * *",
        "When mailboxes are polled: an NCRONTAB expression of six fields. Read by the platform, which needs it set.",
    ),
    Setting(
        "CHANGES_REFRESH_SECONDS",
        "60",
        "60",
        "How old, in seconds, the last look at a business may be when a caller asks for its changes (10 to 3600).",
    ),
    Setting(
        "CHANGES_WINDOW_DAYS",
        "90",
        "90",
        "How many days ahead appointments are watched at each look (1 to 366); what lies beyond, once a day.",
    ),
    Setting(
        "CHANGES_SCHEDULE",
        "15 */5 * * * *",
        "15 */5 * * * *",
        "When businesses with a change feed are looked at: an NCRONTAB expression of six fields. "
        "Read by the platform, which needs it set.",
    ),
    Setting(
        "GRAPH_CONCURRENCY",
        "4",
        "4",
        "Calls to Graph at the same time, for each instance of the app (1 to 64). Outlook allows an app 4.",
    ),
)
