"""The permissions of Microsoft Graph and how Exchange grants them, in docs/security.md and docs/register.md."""

from devkit.documents.blocks import Texts, make_table
from setup.exchange import Scope, list_grants, make_test
from shared.graph.permissions import MAIL_WRITE, PERMISSIONS, Feature, list_permissions

_ENTRA, _EXCHANGE = "Entra ID, with admin consent", "Exchange Online, for these mailboxes only"
_PRINTED = ": the commands for Exchange are printed, see below"
_NOTES = {Feature.READ: " (default)", Feature.MAIL: _PRINTED, Feature.CALENDARS: _PRINTED}


def write(texts: Texts) -> None:
    """Write all of it."""
    texts.put_block("docs/security.md", "permissions", _make_permissions())
    texts.put_block("docs/security.md", "exchange commands", _make_commands())
    texts.put_block("docs/register.md", "features", _make_features())


def _make_permissions() -> list[str]:
    rows = [
        (
            f"*{each.exchange_role if each.is_granted_in_exchange else each.name}*",
            each.purpose,
            each.when,
            "Exchange Online, for these mailboxes only"
            if each.is_granted_in_exchange
            else "Entra ID, with admin consent",
        )
        for each in PERMISSIONS
        if each.feature
    ]
    return make_table(("Permission", "Needed", "When", "Granted in"), rows)


def _make_features() -> list[str]:
    rows = []
    for feature in Feature:
        purpose = next(each.purpose for each in PERMISSIONS if each.feature is feature).removeprefix("to ")
        names = ", ".join(f"`{each.name}`" for each in list_permissions(feature))
        rows.append((f"`--for {feature}`", purpose + _NOTES.get(feature, ""), names or "none"))
    return make_table(("Option", "The gateway may", "Permission in Entra ID"), rows)


def _make_commands() -> list[str]:
    app, mailbox = "<client id>", "support@contoso.com"
    principal = "<object id of the enterprise application>"
    scope = Scope("Graph gateway mailboxes", "graph-gateway", MAIL_WRITE, [mailbox])
    grants = list_grants(app, principal, "Graph gateway", [scope])
    return ["```powershell", *grants, make_test(app, mailbox), "```"]
