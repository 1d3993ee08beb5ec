"""Mailboxes: the commands for Exchange are printed, Entra ID grants nothing, and the proof opens the mailboxes."""

import pytest

from tests.functional.registration import RegisterRun
from twin.seeds import mails, tiny

pytestmark = pytest.mark.signs_in

MAIL = ("--for", "read", "mail", "--mailbox", mails.SUPPORT, "--refused-mailbox", mails.SECOND)


def open_by_exchange(registration: RegisterRun) -> None:
    """Do what the printed commands do."""
    registration.principal.exchange_roles = frozenset({"Mail.ReadWrite"})
    registration.sim.mail.restrict(registration.app.app_id, registration.tenant.id, [mails.SUPPORT])


def test_the_commands_for_exchange_are_printed_with_their_values(registration: RegisterRun) -> None:
    text = registration.do(*MAIL)
    app_id, object_id = registration.app.app_id, registration.principal.object_id
    scope, role = "'Desk gateway mailboxes'", "'Application Mail.ReadWrite'"
    for line in (
        f"Set-Mailbox -Identity '{mails.SUPPORT}' -CustomAttribute1 'desk-gateway'",
        f"New-ServicePrincipal -AppId {app_id} -ObjectId {object_id} -DisplayName 'Desk gateway'",
        f"New-ManagementScope -Name {scope} -RecipientRestrictionFilter \"CustomAttribute1 -eq 'desk-gateway'\"",
        f"New-ManagementRoleAssignment -App {object_id} -Role {role} -CustomResourceScope {scope}",
        f"Test-ServicePrincipalAuthorization -Identity {app_id} -Resource '{mails.SECOND}' | Format-Table",
    ):
        assert f"  {line}\n" in text
    assert f"{mails.SUPPORT} does not open yet" in text
    assert registration.principal.roles == {"Bookings.Read.All"}


def test_the_right_mailbox_opens_and_the_other_does_not(registration: RegisterRun) -> None:
    registration.do(*MAIL)
    open_by_exchange(registration)
    code, text = registration.run("verify", *MAIL)
    assert code == 0
    assert f"ok {mails.SUPPORT} opens" in text
    assert f"ok {mails.SECOND} is closed to the app" in text


def test_a_mail_permission_in_entra_is_reported_and_withdrawn_on_request(registration: RegisterRun) -> None:
    registration.do(*MAIL)
    registration.principal.grant_roles("Mail.Read")
    code, text = registration.run(*MAIL)
    assert "Mail.Read is granted in Entra ID: the app can read EVERY mailbox" in text
    assert (code, f"NO {mails.SECOND} opens, and must not" in text) == (1, True)
    assert registration.plan("consent", *MAIL, "--close-mail") == ["Withdraw the application permission Mail.Read"]
    registration.do(*MAIL, "--close-mail")
    assert registration.principal.roles == {"Bookings.Read.All"}


def test_a_mailbox_that_does_not_exist_proves_nothing(registration: RegisterRun) -> None:
    registration.do(*MAIL)
    open_by_exchange(registration)
    code, text = registration.run("verify", "--refused-mailbox", "nobody@contoso.com")
    assert (code, "proves nothing" in text) == (1, True)


def test_without_write_back_the_narrower_role_is_enough(registration: RegisterRun) -> None:
    text = registration.do(*MAIL, "--mail-read-only")
    assert "-Role 'Application Mail.Read' " in text
    assert "Mail.ReadWrite" not in text


def test_the_calendars_of_booking_pages_have_a_scope_of_their_own(registration: RegisterRun) -> None:
    text = registration.do(*MAIL, "--page", tiny.BUSINESS)
    app_id, object_id = registration.app.app_id, registration.principal.object_id
    scope, role = "'Desk gateway booking pages'", "'Application Calendars.Read'"
    commands = [line[2:] for line in text.splitlines() if line.startswith(("  Set-", "  New-", "  Test-"))]
    assert [line for line in commands if "page" in line or tiny.BUSINESS in line] == [
        f"Set-Mailbox -Identity '{tiny.BUSINESS}' -CustomAttribute1 'desk-gateway-pages'",
        f"New-ManagementScope -Name {scope} -RecipientRestrictionFilter \"CustomAttribute1 -eq 'desk-gateway-pages'\"",
        f"New-ManagementRoleAssignment -App {object_id} -Role {role} -CustomResourceScope {scope}",
        f"Test-ServicePrincipalAuthorization -Identity {app_id} -Resource '{tiny.BUSINESS}' | Format-Table",
    ]
    assert len([line for line in commands if line.startswith("New-ServicePrincipal")]) == 1
    assert "-Role 'Application Mail.ReadWrite' -CustomResourceScope 'Desk gateway mailboxes'" in text
    assert registration.principal.roles == {"Bookings.Read.All"}

    text = registration.do("--for", "calendars", "--page", tiny.BUSINESS)
    assert "'Application Calendars.Read'" in text
    assert "Application Mail." not in text


def test_the_proof_says_who_sees_whether_calendars_are_announced(registration: RegisterRun) -> None:
    page = ("--for", "read", "calendars", "--page", tiny.BUSINESS)
    registration.do(*page)
    code, text = registration.run("verify", *page)
    assert code == 0
    assert (
        f"{tiny.BUSINESS}: the gateway's doctor (graph-subscriptions) shows whether Graph announces its changes" in text
    )


def test_a_calendar_permission_in_entra_is_reported_and_withdrawn_on_request(registration: RegisterRun) -> None:
    page = ("--for", "read", "calendars", "--page", tiny.BUSINESS)
    registration.do(*page)
    registration.principal.grant_roles("Calendars.Read")
    _, text = registration.run(*page)
    assert "Calendars.Read is granted in Entra ID: the app can read EVERY mailbox" in text
    assert registration.plan("consent", *page, "--close-mail") == ["Withdraw the application permission Calendars.Read"]
    registration.do(*page, "--close-mail")
    assert registration.principal.roles == {"Bookings.Read.All"}
