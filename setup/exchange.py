"""Prints the Exchange commands that give the app access to the support mailboxes only. Graph has no call for this.

Source: learn.microsoft.com/exchange/permissions-exo/application-rbac. The commands need the role Organization
Management and take effect after half an hour to two hours. Grants in Entra ID come on top of them.
"""

from collections.abc import Sequence

from setup.tenant import Tenant
from shared.graph.permissions import MAIL_READ, MAIL_WRITE


def show_commands(tenant: Tenant) -> None:
    """Print the commands with their values; those for single mailboxes only if --mailbox names any."""
    options, say = tenant.options, tenant.console.say
    app_id = str((tenant.app or {}).get("appId", "<client id>"))
    object_id = str((tenant.principal or {}).get("id", "<object id of the enterprise application>"))
    refused = [options.refused_mailbox] if options.refused_mailbox else []
    say()
    say("Mailboxes: an Exchange administrator runs in PowerShell (module ExchangeOnlineManagement)")
    for command in (
        *list_grants(
            app_id, object_id, options.name, options.unique_name, options.mailboxes, is_read_only=options.mail_read_only
        ),
        *(make_test(app_id, mailbox) for mailbox in (*options.mailboxes, *refused)),
    ):
        say(f"  {command}")
    say("  This takes half an hour to two hours to work. The test command does not see grants made in Entra ID,")
    say("  which open every mailbox; `verify` with --mailbox and --refused-mailbox does.")


def list_grants(
    app_id: str, object_id: str, name: str, mark: str, mailboxes: Sequence[str], *, is_read_only: bool
) -> list[str]:
    """Return the commands that give an app, by its ids and name, access to the mailboxes that bear the mark."""
    scope = _quote(f"{name} mailboxes")
    role = _quote((MAIL_READ if is_read_only else MAIL_WRITE).exchange_role)
    condition = f"CustomAttribute1 -eq '{mark}'"
    return [
        "Connect-ExchangeOnline",
        *(f"Set-Mailbox -Identity {_quote(mailbox)} -CustomAttribute1 {_quote(mark)}" for mailbox in mailboxes),
        f"New-ServicePrincipal -AppId {app_id} -ObjectId {object_id} -DisplayName {_quote(name)}",
        f'New-ManagementScope -Name {scope} -RecipientRestrictionFilter "{condition}"',
        f"New-ManagementRoleAssignment -App {object_id} -Role {role} -CustomResourceScope {scope}",
    ]


def make_test(app_id: str, mailbox: str) -> str:
    """Return the command that shows what Exchange grants an app for a mailbox."""
    return f"Test-ServicePrincipalAuthorization -Identity {app_id} -Resource {_quote(mailbox)} | Format-Table"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
