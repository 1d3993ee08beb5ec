"""Says whether this process is able to answer: whether each connection has a token, and Graph, vault and storage serve.

It says what the calls of the process have shown. Only when it is asked to, it makes a call to each service: within
seconds, and not again for a while, so that nobody can use it to make load.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial

from composition.connections import Services
from composition.settings_source import SettingsState
from doctor.examination import Name, Status, Step, run_steps
from shared.auth import TokenSource
from shared.errors import GatewayError, Refused, TimedOut
from shared.graph.client import GraphClient
from shared.graph.limits import CallLimits
from shared.issues import LASTING, Issue, Trouble
from shared.json_text import Json
from shared.readiness import Failure, Known, Service, as_failure, claim_check, note, recall
from shared.retry import ONCE
from shared.settings.faults import SettingsError
from shared.time_zones.zones import utc_text
from shared.transport import Transport

CHECK_SECONDS, ALL_SECONDS = 5.0, 8.0
CHECK_AGAIN_AFTER = 30.0  # seconds
_KNOWN_FOR = timedelta(minutes=15)
_NO_ROW = ("readiness", "probe")
_TROUBLES = {
    Service.SIGN_IN: Trouble.SIGN_IN_FAILS,
    Service.GRAPH: Trouble.GRAPH_FAILS,
    Service.VAULT: Trouble.VAULT_FAILS,
    Service.STORAGE: Trouble.STORAGE_FAILS,
}


class State(StrEnum):
    """The state of a service, as far as it is known."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class _Check:
    """A service, and a call that shows whether it serves; what became of the call is noted by the client."""

    service: Service
    about: str
    step: Step
    tokens: TokenSource | None = None  # of a sign-in: a token that is still good counts, whoever asked for it


def describe_readiness(services: Services, *, check: bool) -> tuple[Json, bool]:
    """Return {"status", "checks"}, and whether nothing is known to fail. `check`: call the services before."""
    checks = list(_list_checks(services))
    if check and claim_check(CHECK_AGAIN_AFTER):
        _call_all(checks)
    shown = [_describe(one) for one in checks]
    if (state := services.settings_state) is not None:
        shown.append(_describe_settings(state))
    states = {one["state"] for one in shown}
    if State.FAILED in states:
        return {"status": "notReady", "checks": shown}, False
    return {"status": "unknown" if State.UNKNOWN in states else "ready", "checks": shown}, True


def find_troubles(services: Services, now: datetime, *, is_urgent: bool = False) -> Iterator[Issue]:
    """Yield an issue for each service that fails this process, as its calls have shown; sends no request.

    `is_urgent`: who asks needs an answer now, so that what began a moment ago counts like what lasts.
    """
    for check in _list_checks(services):
        known = recall(check.service, check.about)
        if _judge(check, known) is State.FAILED and known is not None and known.failure is not None:
            details = {"message": known.failure.message, "lasts": is_urgent or now - known.since >= LASTING}
            yield Issue(_TROUBLES[check.service], check.about, known.since, details)


def describe_wrong_settings(error: SettingsError) -> Json:
    """Return what `describe_readiness` would, while the settings are wrong."""
    return {"status": "notReady", "checks": [_show("settings", "", State.FAILED, as_failure(error))]}


def _list_checks(services: Services) -> Iterator[_Check]:
    for connection in services.settings.connections.values():
        tokens = services.authenticator.tokens(connection.name)
        client = GraphClient(tokens, Transport(), CallLimits(1, services.graph_limits.pauses))
        sign_in = _make_check(Service.SIGN_IN, connection.name, tokens.token)
        yield replace(sign_in, tokens=tokens)
        yield _make_check(Service.GRAPH, connection.name, partial(_call_graph, client), sign_in.step.name)
    if services.settings.key_vault_url:
        yield _make_check(Service.VAULT, "", services.authenticator.secret(services.settings.state_key_name))
    yield _make_check(Service.STORAGE, "", partial(services.changes.get, *_NO_ROW))


def _make_check(service: Service, about: str, call: Callable[[], object], *needs: Name) -> _Check:
    def check() -> str:
        call()
        return "It answered."

    return _Check(service, about, Step(service, about, check, remedy="", needs=needs))


def _call_graph(client: GraphClient) -> None:
    """Read the root of Graph, which needs no permission. A refusal is an answer, too, and the client notes which."""
    with suppress(Refused):
        client.get("/", retry=ONCE)


def _call_all(checks: Sequence[_Check]) -> None:
    """Make all calls at once. What does not end in time has failed, whatever may become of it later."""
    began = datetime.now(UTC)
    findings = run_steps([one.step for one in checks], each_seconds=CHECK_SECONDS, all_seconds=ALL_SECONDS)
    for one, finding in zip(checks, findings, strict=True):
        known = recall(one.service, one.about)
        if finding.status is Status.FAIL and (known is None or known.seen < began):
            note(one.service, one.about, error=TimedOut("There was no answer in time. Try again later."))


def _describe(check: _Check) -> Json:
    known = recall(check.service, check.about)
    state = _judge(check, known)
    if known is None or state is State.UNKNOWN or (state is State.OK and known.failure is not None):
        return _show(check.service, check.about, state)
    return _show(check.service, check.about, state, known.failure, known)


def _judge(check: _Check, known: Known | None) -> State:
    if check.tokens is not None and check.tokens.has_token:
        return State.OK
    if known is None or datetime.now(UTC) - known.seen > _KNOWN_FOR:
        return State.UNKNOWN
    return State.FAILED if known.failure else State.OK


def _describe_settings(state: SettingsState) -> Json:
    """Describe whether settings of mail are in force that are in a blob; before they are read, nobody knows."""
    try:
        state.check_in_force()
    except GatewayError as error:
        return _show("mail-settings", "", State.FAILED if state.is_wrong else State.UNKNOWN, as_failure(error))
    return _show("mail-settings", "", State.OK)


def _show(name: str, about: str, state: State, failure: Failure | None = None, known: Known | None = None) -> Json:
    shown: Json = {"name": str(name), "about": about, "state": state.value}
    if known is not None:
        shown |= {"sinceDateTime": utc_text(known.since), "seenDateTime": utc_text(known.seen)}
    if failure is not None and state is State.FAILED:
        shown |= {"code": failure.code, "message": failure.message, **failure.members}
    return shown
