"""Prints the Exchange commands that give the app access to the support mailboxes only. Graph has no call for this.

Source: learn.microsoft.com/exchange/permissions-exo/application-rbac. The commands need the role Organization
Management and take effect after half an hour to two hours. Grants in Entra ID come on top of them.
"""

from setup.tenant import Tenant
from shared.graph.permissions import MAIL_READ, MAIL_WRITE


def show_commands(tenant: Tenant) -> None:
    """Print the commands with their values; those for single mailboxes only if --mailbox names any."""
    options, say = tenant.options, tenant.console.say
    app_id = str((tenant.app or {}).get("appId", "<client id>"))
    object_id = str((tenant.principal or {}).get("id", "<object id of the enterprise application>"))
    scope, mark = f"{options.name} mailboxes", options.unique_name
    say()
    say("Mailboxes: an Exchange administrator runs in PowerShell (module ExchangeOnlineManagement)")
    say("  Connect-ExchangeOnline")
    for mailbox in options.mailboxes:
        say(f"  Set-Mailbox -Identity {_quote(mailbox)} -CustomAttribute1 {_quote(mark)}")
    say(f"  New-ServicePrincipal -AppId {app_id} -ObjectId {object_id} -DisplayName {_quote(options.name)}")
    condition = f"CustomAttribute1 -eq '{mark}'"
    say(f'  New-ManagementScope -Name {_quote(scope)} -RecipientRestrictionFilter "{condition}"')
    role = (MAIL_READ if options.mail_read_only else MAIL_WRITE).exchange_role
    say(f"  New-ManagementRoleAssignment -App {object_id} -Role {_quote(role)} -CustomResourceScope {_quote(scope)}")
    for mailbox in [*options.mailboxes, *([options.refused_mailbox] if options.refused_mailbox else [])]:
        say(f"  Test-ServicePrincipalAuthorization -Identity {app_id} -Resource {_quote(mailbox)} | Format-Table")
    say("  This takes half an hour to two hours to work. The test command does not see grants made in Entra ID,")
    say("  which open every mailbox; `verify` with --mailbox and --refused-mailbox does.")


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
