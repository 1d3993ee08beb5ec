"""The doctor examines everything that the gateway depends on.

It builds its own clients, so that no cache hides a fault: it reads secrets and gets tokens again. It writes nothing but
a probe in each kind of storage, and deletes it. Its report contains names, addresses and ids, but no secret.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from composition.connections import Services, build_services
from doctor.examination import Finding, Name, Status, Step, Verdict, report, run_steps
from doctor.graph_steps import list_graph_steps, make_refusal_step
from doctor.notification_steps import list_notification_steps
from doctor.settings_blobs import examine_blobs
from doctor.step_names import OCCASIONAL, StepName, explain_role
from doctor.storage_steps import list_storage_steps, make_links_step
from doctor.target_steps import list_target_steps
from doctor.telemetry_step import make_telemetry_step
from doctor.timer_steps import list_timer_steps
from inbound_mail.sinks import KINDS, check_sink
from inbound_mail.sinks.protocol import Sink
from shared.errors import ConfigurationError, Invalid
from shared.key_vault import RememberedSecret, SecretMissingError
from shared.settings.choices import Credential, IdentitySource
from shared.settings.config import Connection, Settings, load_settings
from shared.settings.faults import SettingsError
from shared.settings.schedules import find_schedule_fault
from shared.transport import Transport
from shared.wording import count_of

_WARN_BEFORE = timedelta(days=30)
_WARN_SECONDS, _FAIL_SECONDS = 60.0, 300.0  # Entra ID refuses assertions that are off by more than five minutes


def examine_settings(
    environ: Mapping[str, str] | None, *, refused: str | None, connection: str | None
) -> dict[str, Any]:
    """Examine everything that the settings name, as `doctor.examine` describes."""
    try:
        settings = load_settings(environ, check_sink=check_sink)
    except SettingsError as error:
        return report([*_list_faults(error), *_skip_all()])
    settings, in_blobs = examine_blobs(settings, environ)
    read = Finding(StepName.SETTINGS, "", Status.OK, f"All settings are valid: {_count(settings)}.")
    services = build_services(settings)
    steps = list(list_steps(settings, services))
    if refused:
        steps.append(make_refusal_step(_find_connection(settings, connection), services, refused))
    return report([read, *in_blobs, *run_steps(steps)])


def _find_connection(settings: Settings, name: str | None) -> Connection:
    found = settings.connections.get(name or "default")
    if found is None:
        raise Invalid(
            f"There is no such connection in the settings. Known: {', '.join(settings.connections)}.",
            code="UnknownConnection",
            target="connection",
        )
    return found


def list_steps(settings: Settings, services: Services) -> Iterator[Step]:
    """Yield all steps except that of the settings. A step follows those that it needs."""
    yield from _identity_steps(settings, services)
    yield Step(StepName.CLOCK, "", partial(_check_clock, settings), "Set the machine's clock by a time server.")
    secrets = _name_secrets(settings, services)
    yield from _vault_steps(settings, services, secrets)
    yield from _token_steps(settings, services)
    needs = () if settings.storage.connection_string else (_identity(settings.storage.client_id),)
    yield from list_storage_steps(services, needs)
    yield make_links_step(services, needs)
    yield make_telemetry_step(settings.telemetry, services)
    yield from list_target_steps(services, _identity(settings.identity_client_id), ((StepName.STORAGE, "queues"),))
    yield from list_graph_steps(settings, services)
    yield from list_notification_steps(settings, services, (_vault(settings),))
    yield from _sink_steps(services)
    for name, text in settings.schedules.items():
        yield Step(StepName.SCHEDULE, name, partial(_check_schedule, text), _describe_change(name))
    yield from list_timer_steps(services)


def _list_faults(error: SettingsError) -> Iterator[Finding]:
    for fault in error.faults:
        yield Finding(StepName.SETTINGS, fault.setting, Status.FAIL, fault.message, _describe_change(fault.setting))


def _skip_all() -> Iterator[Finding]:
    """Yield a finding for every other step: without valid settings, what each would be about is not known."""
    for step in StepName:
        if step is not StepName.SETTINGS and step not in OCCASIONAL:
            yield Finding(step, "", Status.SKIPPED, "Skipped because settings failed.")


def _count(settings: Settings) -> str:
    counts = (
        count_of(len(settings.connections), "connection"),
        count_of(len(settings.mailboxes), "mailbox", "mailboxes"),
        count_of(len(settings.sinks), "sink"),
    )
    return ", ".join(counts)


def _describe_change(setting: str) -> str:
    """Return the remedy for a wrong setting."""
    name = setting.partition(".")[0].partition("[")[0]
    return f"az functionapp config appsettings set -g <group> -n <app> --settings {name}=<value>; see docs/settings.md"


# -- identity, clock ---------------------------------------------------------------------------------------------------


def _identity_steps(settings: Settings, services: Services) -> Iterator[Step]:
    if settings.identity_source is IdentitySource.AZURE_CLI:
        remedy = "az login"
    else:
        remedy = (
            "az functionapp identity assign -g <group> -n <app> --identities <resource id of the identity>; then set "
            "IDENTITY_CLIENT_ID=<its client id>"
        )
    audience = f"https://{settings.connections['default'].cloud.vault_suffix}"
    for client_id in dict.fromkeys(_identities(settings)):

        def check(client_id: str | None = client_id) -> str:
            services.authenticator.identity.assertion(client_id, audience)
            return "The identity gives a token."

        yield Step(*_identity(client_id), check, remedy)


def _identities(settings: Settings) -> Iterator[str | None]:
    """Yield the client ids of the identities in use: for the vault, for sign-in, for storage."""
    yield settings.identity_client_id
    for connection in settings.connections.values():
        if connection.credential is Credential.FEDERATED:
            yield connection.identity_client_id
    if settings.storage.connection_string is None:
        yield settings.storage.client_id


def _identity(client_id: str | None) -> Name:
    return StepName.IDENTITY, client_id or "of the app"


def _check_clock(settings: Settings) -> str | Verdict:
    host = settings.connections["default"].cloud.graph
    before = time.time()
    with Transport().open("GET", f"https://{host}/v1.0/") as answer:
        date = answer.headers.get("Date")
    ours = (before + time.time()) / 2
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return Verdict(Status.WARN, f"The answer of {host} has no date, so the clock cannot be checked.")
    skew = abs(ours - theirs)
    message = f"The clocks of this machine and {host} differ by {skew:.0f} s."
    if skew > _WARN_SECONDS:
        return Verdict(Status.FAIL if skew > _FAIL_SECONDS else Status.WARN, message)
    return message


# -- vault and tokens --------------------------------------------------------------------------------------------------


def _name_secrets(settings: Settings, services: Services) -> dict[str, list[str]]:
    """Return the names of the secrets in the settings, each with its users. The state key is not among them."""
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
        f"Check the address in KEY_VAULT_URL and the vault's network; {explain_role('Key Vault Secrets User', name)}",
        needs=(_identity(settings.identity_client_id),),
    )
    yield Step(
        StepName.SECRET,
        settings.state_key_name,
        partial(_check_state_key, services, settings.state_key_name),
        f"az keyvault secret set --vault-name {name} --name {settings.state_key_name} --value "
        '"$(openssl rand -base64 32)"',
        needs=(vault,),
    )
    for secret, users in secrets.items():
        yield Step(
            StepName.SECRET,
            secret,
            partial(_check_secret, services.authenticator.secret(secret), " and ".join(users)),
            f"az keyvault secret set --vault-name {name} --name {secret} --file <file with the value>",
            needs=(vault,),
        )


def _vault(settings: Settings) -> Name:
    return StepName.VAULT, urlsplit(settings.key_vault_url or "").hostname or ""


def _check_vault(services: Services, state_key: str) -> str:
    try:
        services.authenticator.secret(state_key)()
    except SecretMissingError:
        return "The vault answers."
    except ConfigurationError as error:
        if error.detail is None:  # the vault returned a malformed value; the step of that secret reports it
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
        return f"The secret exists and has no expiry date; used by {used_by}."
    now = datetime.now(UTC)
    if ends <= now:
        return Verdict(Status.FAIL, f"According to the vault, it expired on {ends:%Y-%m-%d}; used by {used_by}.")
    if ends - now < _WARN_BEFORE:
        return Verdict(
            Status.WARN, f"It expires in {count_of((ends - now).days, 'day')}, on {ends:%Y-%m-%d}; used by {used_by}."
        )
    return f"The secret exists and expires on {ends:%Y-%m-%d}; used by {used_by}."


def _token_steps(settings: Settings, services: Services) -> Iterator[Step]:
    for connection in settings.connections.values():
        needs = (
            (_identity(connection.identity_client_id or settings.identity_client_id),)
            if connection.credential is Credential.FEDERATED
            else ((StepName.SECRET, connection.credential_name or ""),)
        )
        yield Step(
            StepName.TOKEN,
            connection.name,
            partial(_check_token, services, connection.name),
            f"Check the app in Entra ID, App registrations, {connection.client_id}; see docs/operations.md, 500 "
            "SignInFailed",
            needs=needs,
        )


def _check_token(services: Services, connection: str) -> str | Verdict:
    try:
        services.authenticator.tokens(connection).token()
    except ConfigurationError as error:
        number, correlation = error.members.get("entraError"), error.members.get("entraCorrelationId")
        ids = ", ".join(filter(None, (number, correlation and f"correlation id {correlation}")))
        return Verdict(Status.FAIL, f"{error.message} ({ids})" if ids else error.message)
    return "Entra ID issues a token for Microsoft Graph."


# -- sinks, schedule ---------------------------------------------------------------------------------------------------


def _sink_steps(services: Services) -> Iterator[Step]:
    for name, sink in services.mail.sinks.items():
        kind = KINDS[services.settings.sinks[name].kind]
        secrets = [(StepName.SECRET, secret.name) for secret in sink.secrets()]
        yield Step(
            StepName.SINK,
            name,
            partial(_check_sink, sink, kind.check_sentence),
            f"Correct SINKS.{name}: docs/settings.md and docs/sinks.md describe it, docs/errors.md the error's code",
            needs=(*secrets, *kind.needs),
        )


def _check_sink(sink: Sink, check_sentence: str) -> str:
    sink.probe()
    return check_sentence


def _check_schedule(text: str | None) -> str | Verdict:
    if text is None:
        return Verdict(Status.FAIL, "It is not set, so the platform does not start the timer.")
    fault = find_schedule_fault(text)
    return Verdict(Status.FAIL, f"The platform refuses {text!r}: {fault}.") if fault else f"{text!r} is valid."
