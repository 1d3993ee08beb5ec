"""The doctor examines everything that the gateway depends on.

It builds its own clients, so that no cache hides a fault: it reads secrets and gets tokens again. It writes nothing but
a probe in each kind of storage, and deletes it. Its report contains names, addresses and ids, but no secret.
"""

import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from composition.connections import Services, build_services
from doctor.examination import Finding, Name, Status, Step, Verdict, report, run_steps
from doctor.graph_steps import list_graph_steps, make_refusal_step
from doctor.notification_steps import list_notification_steps
from doctor.remedies import (
    Place,
    correct_setting,
    find_place,
    name_vault,
    open_network,
    set_clock,
    set_setting,
    store_secret,
)
from doctor.settings_blobs import examine_blobs
from doctor.sign_in_steps import (
    list_identity_steps,
    list_token_steps,
    list_vault_steps,
    name_identity,
    name_vault_step,
)
from doctor.step_names import OCCASIONAL, StepName
from doctor.storage_steps import list_storage_steps, make_links_step
from doctor.target_steps import list_target_steps
from doctor.telemetry_step import make_telemetry_step
from doctor.timer_steps import list_timer_steps
from inbound_mail.sinks import KINDS, check_sink
from inbound_mail.sinks.protocol import Sink
from shared.errors import ConfigurationError, Invalid
from shared.settings.config import Connection, Settings, load_settings
from shared.settings.faults import SettingsError
from shared.settings.schedules import find_schedule_fault, is_refused
from shared.transport import Transport
from shared.wording import count_of

_WARN_SECONDS, _FAIL_SECONDS = 60.0, 300.0  # Entra ID refuses assertions that are off by more than five minutes
_LOGIN_REFUSED = "TicketLoginRefused"


def examine_settings(
    environ: Mapping[str, str] | None, *, refused: str | None, connection: str | None
) -> dict[str, Any]:
    """Examine everything that the settings name, as `doctor.examine` describes."""
    try:
        settings = load_settings(environ, check_sink=check_sink)
    except SettingsError as error:
        return report([*_list_faults(error, find_place(environ)), *_skip_all()])
    settings, in_blobs = examine_blobs(settings, environ)
    place = find_place(environ)
    read = Finding(StepName.SETTINGS, "", Status.OK, f"All settings are valid: {_count(settings)}.")
    services = build_services(settings)
    steps = list(list_steps(settings, services, place))
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


def list_steps(settings: Settings, services: Services, place: Place) -> Iterator[Step]:
    """Yield all steps except that of the settings. A step follows those that it needs."""
    yield from list_identity_steps(settings, services, place)
    yield from _machine_steps(settings, place)
    yield from list_vault_steps(settings, services, place)
    yield from list_token_steps(settings, services, place)
    needs = () if settings.storage.connection_string else (name_identity(settings.storage.client_id),)
    yield from list_storage_steps(services, needs, place)
    yield make_links_step(services, needs)
    yield make_telemetry_step(settings.telemetry, services)
    identity = name_identity(settings.identity_client_id)
    yield from list_target_steps(services, identity, ((StepName.STORAGE, "queues"),))
    yield from list_graph_steps(settings, services, place)
    yield from list_notification_steps(settings, services, (name_vault_step(settings),))
    yield from _sink_steps(settings, services)
    for name, text in settings.schedules.items():
        yield Step(StepName.SCHEDULE, name, partial(_check_schedule, name, text, place), set_setting(place, name))
    yield from list_timer_steps(services)


def _list_faults(error: SettingsError, place: Place) -> Iterator[Finding]:
    for fault in error.faults:
        remedy = correct_setting(place, fault.setting)
        yield Finding(StepName.SETTINGS, fault.setting, Status.FAIL, fault.message, remedy)


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


# -- clock ------------------------------------------------------------------------------------------------------------


def _machine_steps(settings: Settings, place: Place) -> Iterator[Step]:
    """Yield the steps of the machine's network and clock, both seen in an answer of Graph that needs no sign-in."""
    host = settings.connections["default"].cloud.graph
    network: Name = (StepName.NETWORK, "")
    yield Step(*network, partial(_check_network, host), open_network(host))
    yield Step(StepName.CLOCK, "", partial(_check_clock, host), set_clock(place), needs=(network,))


def _check_network(host: str) -> str:
    _ask_for_date(host)
    return f"{host} can be reached."


def _ask_for_date(host: str) -> str:
    with Transport().open("GET", f"https://{host}/v1.0/") as answer:
        return answer.headers.get("Date") or ""


def _check_clock(host: str) -> str | Verdict:
    before = time.time()
    date = _ask_for_date(host)
    ours = (before + time.time()) / 2
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Verdict(Status.WARN, f"The answer of {host} has no date, so the clock cannot be checked.")
    skew = abs(ours - theirs)
    message = f"The clocks of this machine and {host} differ by {skew:.0f} s."
    if skew > _WARN_SECONDS:
        return Verdict(Status.FAIL if skew > _FAIL_SECONDS else Status.WARN, message)
    return message


# -- sinks, schedule ---------------------------------------------------------------------------------------------------


def _sink_steps(settings: Settings, services: Services) -> Iterator[Step]:
    vault = name_vault(settings.key_vault_url)
    for name, sink in services.mail.sinks.items():
        kind = KINDS[services.settings.sinks[name].kind]
        secrets = [(StepName.SECRET, secret.name) for secret in sink.secrets()]
        yield Step(
            StepName.SINK,
            name,
            partial(_check_sink, sink, kind.check_sentence, vault),
            f"Correct SINKS.{name}: docs/settings.md and docs/sinks.md describe it, docs/errors.md the error's code",
            needs=(*secrets, *kind.needs),
        )


def _check_sink(sink: Sink, check_sentence: str, vault: str) -> str | Verdict:
    try:
        sink.probe()
    except ConfigurationError as error:
        if error.code != _LOGIN_REFUSED:
            raise
        names = [secret.name for secret in sink.secrets()]
        message = f"{error.message} It signs in with the secret {' and '.join(names)}."
        return Verdict(Status.FAIL, message, "; ".join(store_secret(vault, name) for name in names))
    return check_sentence


def _check_schedule(name: str, text: str | None, place: Place) -> str | Verdict:
    if text is None:
        return Verdict(Status.FAIL, "It is not set, so the platform does not start the timer.")
    fault = find_schedule_fault(text)
    if fault is None:
        return f"{text!r} is valid."
    if is_refused(text):
        return Verdict(Status.FAIL, f"The platform refuses {text!r}: {fault}.")
    message = f"The platform reads {text!r} with the second 0, and other readers do not: {fault}."
    return Verdict(Status.WARN, message, set_setting(place, name, f"0 {text}"))
