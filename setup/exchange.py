"""Prints the Exchange commands that give the app access to some mailboxes only. Graph has no call for this.

Support mailboxes and booking pages, which have a mailbox for their calendar, are marked differently: the app reads the
mails of the former and the calendars of the latter.

Source: learn.microsoft.com/exchange/permissions-exo/application-rbac. The commands need the role Organization
Management and take effect after half an hour to two hours. Grants in Entra ID come on top of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from setup.options import Options
from setup.tenant import Tenant
from shared.graph.permissions import CALENDARS_READ, MAIL_READ, MAIL_WRITE, Feature, Permission


@dataclass(frozen=True)
class Scope:
    """Some mailboxes that bear a mark, and what the app may do there."""

    name: str
    mark: str
    permission: Permission
    mailboxes: Sequence[str]


def show_commands(tenant: Tenant) -> None:
    """Print the commands with their values; those for single mailboxes only if options name any."""
    options, say = tenant.options, tenant.console.say
    app_id = str((tenant.app or {}).get("appId", "<client id>"))
    object_id = str((tenant.principal or {}).get("id", "<object id of the enterprise application>"))
    scopes = list(_list_scopes(options))
    named = [mailbox for scope in scopes for mailbox in scope.mailboxes]
    refused = [options.refused_mailbox] if options.refused_mailbox else []
    say()
    tenant.console.hand_over(
        "Mailboxes: an Exchange administrator runs in PowerShell (module ExchangeOnlineManagement)"
    )
    for command in (
        *list_grants(app_id, object_id, options.name, scopes),
        *(make_test(app_id, mailbox) for mailbox in (*named, *refused)),
    ):
        say(f"  {command}")
    say("  This takes half an hour to two hours to work. The test command does not see grants made in Entra ID,")
    say("  which open every mailbox; `verify` with --mailbox and --refused-mailbox does.")


def _list_scopes(options: Options) -> Iterator[Scope]:
    if Feature.MAIL in options.features:
        permission = MAIL_READ if options.mail_read_only else MAIL_WRITE
        yield Scope(f"{options.name} mailboxes", options.unique_name, permission, options.mailboxes)
    if Feature.CALENDARS in options.features:
        mark = f"{options.unique_name}-pages"
        yield Scope(f"{options.name} booking pages", mark, CALENDARS_READ, options.pages)


def list_grants(app_id: str, object_id: str, name: str, scopes: Sequence[Scope]) -> list[str]:
    """Return the commands that give an app, by its ids and name, its rights inside these scopes."""
    commands = ["Connect-ExchangeOnline"]
    for scope in scopes:
        mark = _quote(scope.mark)
        commands += [f"Set-Mailbox -Identity {_quote(each)} -CustomAttribute1 {mark}" for each in scope.mailboxes]
    commands.append(f"New-ServicePrincipal -AppId {app_id} -ObjectId {object_id} -DisplayName {_quote(name)}")
    for scope in scopes:
        condition, named = f"CustomAttribute1 -eq '{scope.mark}'", _quote(scope.name)
        role = _quote(scope.permission.exchange_role)
        commands += [
            f'New-ManagementScope -Name {named} -RecipientRestrictionFilter "{condition}"',
            f"New-ManagementRoleAssignment -App {object_id} -Role {role} -CustomResourceScope {named}",
        ]
    return commands


def make_test(app_id: str, mailbox: str) -> str:
    """Return the command that shows what Exchange grants an app for a mailbox."""
    return f"Test-ServicePrincipalAuthorization -Identity {app_id} -Resource {_quote(mailbox)} | Format-Table"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
