"""The catalogue of settings: the one place where a setting is described.

`shared.settings.config` reads defaults, bounds and choices from here; `json_catalogue` has the fields of JSON settings.
`python3 -m devkit docs` writes the sample file, the tables of the documents and the parameters of the infrastructure
from it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shared.settings.choices import Credential, IdentitySource, Switch
from shared.settings.clouds import CLOUDS
from shared.settings.kinds import Choice, JsonText, Schedule, Text, ValueKind, WholeNumber

_VAULT_NAME = Text("Key Vault name: letters, digits and dashes")
_GUID = Text("GUID")
SAMPLE_GUID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Setting:
    """One app setting.

    `default` None: required, or needed only together with another setting (see `text`). `sample` is the value in
    local.settings.sample.json; without one, the default. `text` is one sentence or two; bounds and choices are said by
    `kind`. `is_essential`: the README lists it.

    Each setting is a parameter of the infrastructure, described there by the first sentence of `text` and
    `deployed_note`, unless `fixed` gives the Bicep expression of its value. `deployed_as` is the Bicep expression of a
    parameter that is not passed on as it is.

    `fill_in` says what to write in place of `sample`, which then is a placeholder and refused as a value.
    """

    name: str
    kind: ValueKind
    default: str | None
    text: str
    sample: str | None = None
    is_essential: bool = False
    fixed: str | None = None
    deployed_as: str | None = None
    deployed_note: str = ""
    fill_in: str = ""


SETTINGS = (
    Setting(
        "KEY_VAULT_URL",
        Text("https address"),
        None,
        "The vault that holds the credentials and the key that signs paging cursors.",
        sample="https://my-vault.vault.azure.net",
        fill_in="Give your vault's address; `az keyvault list --query [].properties.vaultUri -o tsv` lists them.",
        is_essential=True,
        fixed="vault.outputs.uri",
    ),
    Setting("GRAPH_CLOUD", Choice(tuple(CLOUDS)), "global", "Microsoft cloud of the tenant."),
    Setting(
        "GRAPH_TENANT_ID",
        Text("GUID or domain"),
        None,
        "Tenant (directory) id of the app registration, or a verified domain.",
        sample=SAMPLE_GUID,
        fill_in="Give your tenant's id; `az account show --query tenantId -o tsv` prints it.",
        is_essential=True,
        deployed_as="empty(graphTenantId) ? subscription().tenantId : graphTenantId",
        deployed_note="Empty: that of the subscription.",
    ),
    Setting(
        "GRAPH_CLIENT_ID",
        _GUID,
        None,
        "Application (client) id of the app registration.",
        sample=SAMPLE_GUID,
        fill_in="Give the client id that `python3 -m devkit register` prints.",
        is_essential=True,
        deployed_note="Empty until the app is registered.",
    ),
    Setting(
        "GRAPH_CREDENTIAL",
        Choice(tuple(Credential)),
        Credential.FEDERATED,
        "How the app signs in. With `federated`, the user-assigned identity signs in and there is no secret.",
        sample=Credential.SECRET,
        is_essential=True,
    ),
    Setting(
        "GRAPH_CREDENTIAL_NAME",
        _VAULT_NAME,
        None,
        "Key Vault name of the credential. Needed for every credential but `federated`, which refuses it.",
        sample="graph-client-secret",
        is_essential=True,
    ),
    Setting(
        "IDENTITY_CLIENT_ID",
        _GUID,
        None,
        "Client id of the user-assigned identity. Needed for a federated credential, optional elsewhere.",
        sample="",
        fixed="identity.outputs.clientId",
    ),
    Setting(
        "IDENTITY_SOURCE",
        Choice(tuple(IdentitySource)),
        IdentitySource.MANAGED,
        "Which identity opens Key Vault. The Azure CLI's is for a developer's machine.",
        sample=IdentitySource.AZURE_CLI,
        fixed=f"'{IdentitySource.MANAGED}'",
    ),
    Setting(
        "GRAPH_CONNECTIONS",
        JsonText("object: connection name -> fields"),
        "{}",
        "Further tenants, their secrets by Key Vault name only. The plain settings are the connection `default`.",
    ),
    Setting(
        "BOOKINGS_BUSINESSES",
        Text("ids separated by commas, or `*`"),
        "",
        "Booking businesses that callers may use, each by its id (the mail address of the booking page). `*` allows "
        "all, empty allows none.",
        sample="ithelpdesk@contoso.example",
        fill_in="Give the ids (mail addresses) of your booking pages, separated by commas, or nothing.",
        is_essential=True,
    ),
    Setting(
        "BOOKINGS_WRITES",
        Choice(tuple(Switch)),
        Switch.OFF,
        "Whether callers may write appointments and customers. Idempotency keys and holds are in the app's storage.",
    ),
    Setting(
        "STATE_KEY_NAME",
        _VAULT_NAME,
        "gateway-state-key",
        "Key Vault name of the key (32 random bytes in Base64) that signs paging cursors.",
    ),
    Setting(
        "PUBLIC_BASE_URL",
        Text("https address"),
        "",
        "Address that links in answers begin with, such as https://gateway.contoso.example/api. Empty: the caller's.",
    ),
    Setting(
        "GRAPH_NOTIFICATIONS",
        Choice(tuple(Switch)),
        Switch.OFF,
        "Whether Microsoft Graph announces new mail, so that it is read within seconds. It posts to an open route.",
    ),
    Setting(
        "GRAPH_NOTIFICATIONS_BOOKINGS",
        Choice(tuple(Switch)),
        Switch.OFF,
        "With `GRAPH_NOTIFICATIONS`: whether changes in the calendars of the businesses of `BOOKINGS_BUSINESSES` have "
        "these scanned at once. Unproven with Graph; needs *Calendars.Read*, and ids instead of `*`.",
    ),
    Setting(
        "GRAPH_NOTIFICATIONS_URL",
        Text("https address"),
        "",
        "Public address to which Graph posts, such as https://gateway.contoso.com/api. Empty: `PUBLIC_BASE_URL`, or "
        "else the function app's own host name.",
    ),
    Setting(
        "API_DOCS",
        Choice(tuple(Switch)),
        Switch.ON,
        "Whether anybody may read the API's page and descriptions: `docs`, `openapi.json`, `swagger.json`.",
    ),
    Setting(
        "CONSOLE_SIGN_IN",
        Choice(tuple(Switch)),
        Switch.OFF,
        "Whether people who have signed in with Entra ID in front of the app may use the console without a key, by the "
        "app roles *Gateway.Read* and *Gateway.Operate*.",
    ),
    Setting(
        "FILE_LINKS",
        Choice(tuple(Switch)),
        Switch.ON,
        "Whether large files leave by links to the storage account that last ten minutes. Callers must reach it.",
        deployed_as="privateNetwork ? 'off' : fileLinks",
        deployed_note="With `privateNetwork` it is always off.",
    ),
    Setting(
        "EVENT_TARGET_HOSTS",
        Text("comma-separated host names"),
        "",
        "Hosts to which callers may let events be sent (`subscriptions`), such as `hooks.contoso.com,*.contoso.net`. "
        "`*` allows every public host; empty allows none.",
    ),
    Setting(
        "EVENT_TARGET_PRIVATE_HOSTS",
        Text("comma-separated host names"),
        "",
        "Those of the hosts whose names may lead to private addresses. All others must be public.",
    ),
    Setting(
        "EVENT_TARGETS",
        Text("comma-separated addresses and names"),
        "",
        "Queues and topics to which callers may let events be sent: `https://NAMESPACE.servicebus.windows.net/NAME`, "
        "`https://TOPIC.REGION.eventgrid.azure.net`, and names of queues in the app's storage account, which begin "
        "with `events-`. Empty allows none.",
    ),
    Setting(
        "FLOW_CALLBACK_HOSTS",
        Text("comma-separated host names"),
        "",
        "Hosts below which flows may be called by instant triggers, beside those of Power Automate and Logic Apps: for "
        "Logic Apps of the standard plan, such as `contoso-flows.azurewebsites.net`.",
    ),
    Setting(
        "MAILBOXES",
        JsonText("list of mailboxes", is_list=True),
        "[]",
        "Support mailboxes to read. May be in a blob: `blob:config/mailboxes.json`.",
        is_essential=True,
        deployed_as="empty(mailSettingsBlob) ? string(mailboxes) : 'blob:config/${mailSettingsBlob}'",
    ),
    Setting(
        "SINKS",
        JsonText("object: sink name -> kind and options"),
        "{}",
        "Where mails are delivered. Secrets are given by their Key Vault name only. May be in a blob, as `MAILBOXES`.",
        is_essential=True,
        deployed_as="empty(mailSettingsBlob) ? string(sinks) : 'blob:config/${mailSettingsBlob}'",
    ),
    Setting("MAILBOX_POLL_SCHEDULE", Schedule(), "0 * * * * *", "When the mailboxes that are due are polled."),
    Setting(
        "CHANGES_REFRESH_SECONDS",
        WholeNumber(10, 3600),
        "60",
        "How old, in seconds, the last scan of a business may be when a caller asks for its changes.",
    ),
    Setting(
        "CHANGES_WINDOW_DAYS",
        WholeNumber(1, 366),
        "90",
        "How many days ahead each scan of a business reads. What lies beyond is read by the daily far scan.",
    ),
    Setting("CHANGES_SCHEDULE", Schedule(), "15 */5 * * * *", "When businesses with a change feed are scanned."),
    Setting(
        "GRAPH_CONCURRENCY",
        WholeNumber(1, 64),
        "4",
        "How many calls to Graph each instance of the app makes at the same time. Outlook allows an app 4.",
    ),
)


def list_unfilled(given: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Yield each setting that still holds the placeholder of the sample file, with a sentence on what to give."""
    for setting in SETTINGS:
        if setting.fill_in and given(setting.name) == setting.sample:
            yield setting.name, f"This is the placeholder of the sample file. {setting.fill_in}"
