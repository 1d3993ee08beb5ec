"""Exchange's part, which Graph cannot do: the commands that let the app into the support mailboxes and no others.

Source: learn.microsoft.com/exchange/permissions-exo/application-rbac. Needs the role Organization Management; live
effect takes half an hour to two hours; grants in Entra ID add up with these.
"""

from setup.tenant import Tenant


def show_commands(tenant: Tenant) -> None:
    """Print the commands, filled in; the ones for mailboxes only if some were named."""
    wish, say = tenant.wish, tenant.screen.say
    app_id = str((tenant.app or {}).get("appId", "<client id>"))
    object_id = str((tenant.principal or {}).get("id", "<object id of the enterprise application>"))
    scope, mark = f"{wish.name} mailboxes", wish.unique_name
    say()
    say("Mailboxes: an Exchange administrator runs in PowerShell (module ExchangeOnlineManagement)")
    say("  Connect-ExchangeOnline")
    for mailbox in wish.mailboxes:
        say(f"  Set-Mailbox -Identity {_quote(mailbox)} -CustomAttribute1 {_quote(mark)}")
    say(f"  New-ServicePrincipal -AppId {app_id} -ObjectId {object_id} -DisplayName {_quote(wish.name)}")
    condition = f"CustomAttribute1 -eq '{mark}'"
    say(f'  New-ManagementScope -Name {_quote(scope)} -RecipientRestrictionFilter "{condition}"')
    role = "Application Mail.Read" if wish.mail_read_only else "Application Mail.ReadWrite"
    say(f"  New-ManagementRoleAssignment -App {object_id} -Role {_quote(role)} -CustomResourceScope {_quote(scope)}")
    for mailbox in [*wish.mailboxes, *([wish.refused_mailbox] if wish.refused_mailbox else [])]:
        say(f"  Test-ServicePrincipalAuthorization -Identity {app_id} -Resource {_quote(mailbox)} | Format-Table")
    say("  It takes half an hour to two hours to work. The test command does not see grants made in Entra ID,")
    say("  which open every mailbox; `verify` with --mailbox and --refused-mailbox does.")


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
