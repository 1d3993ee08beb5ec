"""The doctor: every ground that the gateway stands on, tried once from scratch.

It builds clients of its own, so nothing remembered hides a fault: secrets are read and tokens fetched anew. What it
writes is a probe in each kind of storage, taken away again. It tells names, addresses and ids, never a secret.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from composition.connections import Services, build_services
from doctor.examination import Finding, Name, Status, Step, Verdict, examine, report
from doctor.graph_steps import list_graph_steps, make_refusal_step
from doctor.storage_steps import list_storage_steps
from inbound_mail.sinks import check_sink
from inbound_mail.sinks.protocol import Sink
from shared.errors import ConfigurationError, Invalid
from shared.key_vault import RememberedSecret, SecretMissingError
from shared.settings.choices import Credential, IdentitySource
from shared.settings.config import Connection, Settings, SettingsError, load_settings
from shared.settings.schedules import find_schedule_fault
from shared.transport import Transport

_WARN_BEFORE = timedelta(days=30)
_ODD_SECONDS, _WRONG_SECONDS = 60.0, 300.0  # Entra ID refuses assertions that are off by more than five minutes
_NUMBERS = re.compile(r"codes=\[(\d+)")  # as shared.entra_errors describes a refusal
_SCHEDULE: Name = ("schedule", "MAILBOX_POLL_SCHEDULE")
_LATER_STEPS = (
    "identity", "clock", "vault", "secret", "token", "bookings-list", "bookings-business", "bookings-calendar",
    "bookings-writes",
    "mail-permission", "mailbox", "folder", "immutable-ids", "storage", "sink", "schedule", "poll",
)  # fmt: skip


def look(
    environ: Mapping[str, str] | None = None, *, refused: str | None = None, connection: str | None = None
) -> dict[str, Any]:
    """Examine everything that the settings name; return {"status", "steps"}.

    `refused` is the address of a mailbox that the app of this connection must not be able to read. Raises Invalid.
    """
    try:
        settings = load_settings(environ, check_sink=check_sink)
    except SettingsError as error:
        return report([*_tell_faults(error), *_skip_all()])
    fine = Finding("settings", "", Status.OK, f"All settings are right: {_count(settings)}.")
    services = build_services(settings)
    steps = list(list_steps(settings, services))
    if refused:
        steps.append(make_refusal_step(_find_connection(settings, connection), services, refused))
    return report([fine, *examine(steps)])


def _find_connection(settings: Settings, name: str | None) -> Connection:
    found = settings.connections.get(name or "default")
    if found is None:
        raise Invalid("There is no such connection in the settings.", code="UnknownConnection", target="connection")
    return found


def list_steps(settings: Settings, services: Services) -> Iterator[Step]:
    """Yield all steps but that of the settings, each behind those that it needs."""
    yield from _identity_steps(settings, services)
    yield Step("clock", "", partial(_check_clock, settings), "Set the machine's clock by a time server.")
    secrets = _name_secrets(settings, services)
    yield from _vault_steps(settings, services, secrets)
    yield from _token_steps(settings, services)
    needs = () if settings.storage.connection_string else (_identity(settings.storage.client_id),)
    yield from list_storage_steps(services, needs)
    yield from list_graph_steps(settings, services)
    yield from _sink_steps(services)
    for name, text in settings.schedules.items():
        yield Step("schedule", name, partial(_check_schedule, text), _place(name))
    for mailbox in services.mail.mailboxes.values():
        yield Step(
            "poll",
            mailbox.name,
            partial(_check_poll, mailbox.name, mailbox.ledger.state, mailbox.settings.alarm_minutes),
            "Look whether the functions schedule_mailbox_polls and poll_mailbox run: docs/telemetry.md, A poll.",
            needs=(_SCHEDULE, ("storage", "tables")),
        )


def _tell_faults(error: SettingsError) -> Iterator[Finding]:
    for fault in error.faults:
        yield Finding("settings", fault.setting, Status.FAIL, fault.message, _place(fault.setting))


def _skip_all() -> Iterator[Finding]:
    for step in _LATER_STEPS:
        yield Finding(step, "", Status.SKIPPED, "Skipped because settings failed.")


def _count(settings: Settings) -> str:
    return f"{len(settings.connections)} connections, {len(settings.mailboxes)} mailboxes, {len(settings.sinks)} sinks"


def _place(setting: str) -> str:
    name = setting.partition(".")[0].partition("[")[0]
    return f"az functionapp config appsettings set -g <group> -n <app> --settings {name}=<value>; see docs/settings.md"


# -- identity, clock ---------------------------------------------------------------------------------------------------


def _identity_steps(settings: Settings, services: Services) -> Iterator[Step]:
    if settings.identity_source is IdentitySource.AZURE_CLI:
        remedy = "az login"
    else:
        remedy = (
            "az functionapp identity assign -g <group> -n <app> --identities <resource id of the identity>, and "
            "IDENTITY_CLIENT_ID=<its client id>"
        )
    audience = f"https://{settings.connections['default'].cloud.vault_suffix}"
    for client_id in dict.fromkeys(_identities(settings)):

        def check(client_id: str | None = client_id) -> str:
            services.authenticator.identity.assertion(client_id, audience)
            return "The app's own identity answers."

        yield Step(*_identity(client_id), check, remedy)


def _identities(settings: Settings) -> Iterator[str | None]:
    """Yield the client ids of the identities that are used: for the vault, for sign-in, for storage."""
    yield settings.identity_client_id
    for connection in settings.connections.values():
        if connection.credential is Credential.FEDERATED:
            yield connection.identity_client_id
    if settings.storage.connection_string is None:
        yield settings.storage.client_id


def _identity(client_id: str | None) -> Name:
    return "identity", client_id or "of the app"


def _check_clock(settings: Settings) -> str | Verdict:
    host = settings.connections["default"].cloud.graph
    before = time.time()
    with Transport().open("GET", f"https://{host}/v1.0/") as answer:
        told = answer.headers.get("Date")
    between = (before + time.time()) / 2
    try:
        theirs = parsedate_to_datetime(told or "").timestamp()
    except ValueError:
        return Verdict(Status.WARN, f"{host} does not tell the time.")
    skew = abs(between - theirs)
    message = f"This machine and {host} are {skew:.0f} s apart."
    if skew > _ODD_SECONDS:
        return Verdict(Status.FAIL if skew > _WRONG_SECONDS else Status.WARN, message)
    return message


# -- vault and tokens --------------------------------------------------------------------------------------------------


def _name_secrets(settings: Settings, services: Services) -> dict[str, list[str]]:
    """Return the secrets that settings name, but for the state key, and what each is for."""
    found: dict[str, list[str]] = {}
    for connection in settings.connections.values():
        if connection.credential_name:
            found.setdefault(connection.credential_name, []).append(f"connection {connection.name}")
    for name, sink in services.mail.sinks.items():
        for secret in sink.secrets():
            found.setdefault(secret.name, []).append(f"sink {name}")
    found.pop(settings.state_key_name, None)
    return found


def _vault_steps(settings: Settings, services: Services, secrets: Mapping[str, list[str]]) -> Iterator[Step]:
    vault = _vault(settings)
    name = vault[1].partition(".")[0]
    yield Step(
        *vault,
        partial(_check_vault, services, settings.state_key_name),
        f"The address in KEY_VAULT_URL, the vault's network, and: az role assignment create --role 'Key Vault Secrets "
        f"User' --assignee <the identity's principal id> --scope <resource id of {name}>",
        needs=(_identity(settings.identity_client_id),),
    )
    yield Step(
        "secret",
        settings.state_key_name,
        partial(_check_state_key, services, settings.state_key_name),
        f"az keyvault secret set --vault-name {name} --name {settings.state_key_name} --value "
        '"$(openssl rand -base64 32)"',
        needs=(vault,),
    )
    for secret, users in secrets.items():
        yield Step(
            "secret",
            secret,
            partial(_check_secret, services.authenticator.secret(secret), " and ".join(users)),
            f"az keyvault secret set --vault-name {name} --name {secret} --file <file with the value>",
            needs=(vault,),
        )


def _vault(settings: Settings) -> Name:
    return "vault", urlsplit(settings.key_vault_url or "").hostname or ""


def _check_vault(services: Services, state_key: str) -> str:
    try:
        services.authenticator.secret(state_key)()
    except SecretMissingError:
        return "The vault answers."
    except ConfigurationError as error:
        if error.detail is None:  # the vault gave a value that is no good: the step of that secret tells
            return "The vault answers."
        raise
    return "The vault answers, and the identity may read secrets."


def _check_state_key(services: Services, name: str) -> str | Verdict:
    services.cursors.seal("doctor", binding="doctor")
    return _check_secret(services.authenticator.secret(name), "paging cursors")


def _check_secret(secret: RememberedSecret, used_by: str) -> str | Verdict:
    secret()
    ends = secret.expires_on
    if ends is None:
        return f"There, without an end; used by {used_by}."
    now = datetime.now(UTC)
    if ends <= now:
        return Verdict(Status.FAIL, f"Expired on {ends:%Y-%m-%d}, says the vault; used by {used_by}.")
    if ends - now < _WARN_BEFORE:
        return Verdict(Status.WARN, f"Expires in {(ends - now).days} days, on {ends:%Y-%m-%d}; used by {used_by}.")
    return f"There until {ends:%Y-%m-%d}; used by {used_by}."


def _token_steps(settings: Settings, services: Services) -> Iterator[Step]:
    for connection in settings.connections.values():
        needs = (
            (_identity(connection.identity_client_id or settings.identity_client_id),)
            if connection.credential is Credential.FEDERATED
            else (("secret", connection.credential_name or ""),)
        )
        yield Step(
            "token",
            connection.name,
            partial(_check_token, services, connection.name),
            f"Entra ID, App registrations, {connection.client_id}; see docs/operations.md, 500 SignInFailed",
            needs=needs,
        )


def _check_token(services: Services, connection: str) -> str | Verdict:
    try:
        services.authenticator.tokens(connection).token()
    except ConfigurationError as error:
        numbers = _NUMBERS.search(error.detail or "")
        codes = f" (AADSTS{numbers[1]})" if numbers else ""
        return Verdict(Status.FAIL, f"{error.message}{codes}")
    return "Entra ID gives a token for Microsoft Graph."


# -- sinks, schedule ---------------------------------------------------------------------------------------------------


def _sink_steps(services: Services) -> Iterator[Step]:
    for name, sink in services.mail.sinks.items():
        kind = services.settings.sinks[name].kind
        needs = tuple(("secret", secret.name) for secret in sink.secrets())
        yield Step(
            "sink",
            name,
            partial(_check_sink, sink, kind),
            f"SINKS.{name} in docs/settings.md and docs/sinks.md; codes in docs/errors.md",
            needs=needs or ((("storage", "queues"),) if kind == "storage-queue" else ()),
        )


def _check_sink(sink: Sink, kind: str) -> str:
    sink.probe()
    if kind == "webhook":
        return "Its secrets have the right form; a receiver can be asked nothing harmless."
    return "It answers and accepts our credential."


def _check_schedule(text: str | None) -> str | Verdict:
    if text is None:
        return Verdict(Status.FAIL, "It is not set: the platform needs it, or the timer does not start.")
    fault = find_schedule_fault(text)
    return Verdict(Status.FAIL, f"The platform refuses {text!r}: {fault}.") if fault else f"{text!r} is a schedule."


def _check_poll(name: str, read_state: Callable[[], Any], alarm_minutes: int) -> str | Verdict:
    values = read_state().values
    last: datetime | None = values.get("last_poll")
    if last is None:
        return Verdict(Status.WARN, "Never polled yet.")
    minutes = (datetime.now(UTC) - last).total_seconds() / 60
    if minutes > alarm_minutes:
        return Verdict(Status.FAIL, f"The last poll was {minutes:.0f} minutes ago, longer than its alarm_minutes.")
    if values.get("failures"):
        again = values.get("paused_until", last)
        return Verdict(
            Status.WARN,
            f"The last poll was {minutes:.0f} minutes ago and failed: {values['last_error']}. The next one is due at "
            f"{again:%H:%M} UTC.",
            f"Mend the cause (docs/errors.md), then POST mailboxes/{name}/poll polls at once",
        )
    return f"The last poll was {minutes:.0f} minutes ago."
