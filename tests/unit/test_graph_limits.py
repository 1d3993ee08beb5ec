"""What Graph asks for is kept by every thread of the process. Time is made: it passes only while all threads wait."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from shared import context
from shared.auth import Authenticator
from shared.errors import OutcomeUnknown, Throttled
from shared.graph import limits as graph_limits
from shared.graph.answers import Pause, read_pause
from shared.graph.bookings import GraphBookings
from shared.graph.client import GraphClient, SubRequest
from shared.graph.limits import CallLimits, Pauses, mailbox_of
from shared.graph.mail import SET_AGAIN, GraphMail, MessageChange
from shared.settings.config import load_settings
from shared.transport import Answer, Transport
from twin import Simulator
from twin.client import redirected_to
from twin.graph.limits import OF_THE_APP
from twin.seeds import mails, sample, tiny

WORKERS = 8


class MadeTime:
    """A clock that goes on only when every one of its threads sleeps: so no call is under way while time passes."""

    def __init__(self, threads: int = 1) -> None:
        self.now = 1000.0
        self._awake = threads
        self._changed = threading.Condition()
        self._sleepers: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._changed:
            end = self.now + seconds
            self._sleepers.append(end)
            self._awake -= 1
            self._go_on()
            assert self._changed.wait_for(lambda: self.now >= end, timeout=60), "a thread neither sleeps nor ends"
            self._sleepers.remove(end)

    def leave(self) -> None:
        """Count the calling thread out: it sleeps no more."""
        with self._changed:
            self._awake -= 1
            self._go_on()

    def _go_on(self) -> None:
        if not self._awake and self._sleepers:
            self.now = min(self._sleepers)
            self._awake = sum(end <= self.now for end in self._sleepers)
            self._changed.notify_all()


@pytest.fixture
def made_time(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> MadeTime:
    """The clock of limits and retries, for one thread or as many as the test names by an indirect parameter."""
    time = MadeTime(getattr(request, "param", 1))
    monkeypatch.setattr(graph_limits, "time", time)
    monkeypatch.setattr("tenacity.nap.time", time)
    return time


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(tiny.build(), latency=0).running() as running, redirected_to(running):
        yield running


def make_client(sim: Simulator) -> GraphClient:
    return GraphClient(Authenticator(load_settings(sample.settings(sim))).tokens("default"), Transport(), CallLimits(4))


def stream(mail: GraphMail, graph_id: str) -> None:
    with mail.stream_mime(graph_id) as chunks:
        assert b"".join(chunks)


@pytest.mark.parametrize("made_time", [WORKERS], indirect=True)
@pytest.mark.parametrize("share", [0.03, 0.3])
@pytest.mark.parametrize("limit", ["IncomingBytes", OF_THE_APP])
def test_no_thread_calls_before_the_pause_has_passed(
    sim: Simulator, made_time: MadeTime, share: float, limit: str
) -> None:
    client = make_client(sim)
    mail, bookings = GraphMail(client, mails.SUPPORT), GraphBookings(client)
    ids = [sim.mail.mailbox(mails.SUPPORT).receive(subject=f"Mail {number}").id for number in range(3)]
    link = mail.read_delta("inbox", None, 50).delta_link
    limits = sim.graph_limits
    limits.share, limits.share_limit, limits.concurrency, limits.retry_after = share, limit, None, 7
    limits.pauses.clock, limits.pauses.crossing = made_time.monotonic, 0.0
    calls: list[Callable[[], object]] = [
        lambda: mail.read_delta("inbox", link, 50),
        lambda: mail.read_marks(ids),
        lambda: mail.set_values([MessageChange(graph_id, {"isRead": True}) for graph_id in ids]),
        lambda: stream(mail, ids[0]),
        lambda: mail.get_folder("inbox"),
        lambda: bookings.get_business(tiny.BUSINESS),
        lambda: bookings.list_services(tiny.BUSINESS),
    ]

    def work(number: int) -> None:
        try:
            for turn in range(10):
                with suppress(Throttled):  # what is refused in the last try counts, too
                    calls[(number + turn) % len(calls)]()
                made_time.sleep(0.1)
        finally:
            made_time.leave()

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))

    assert limits.refusals["share"] > 2
    assert limits.pauses.early == 0


def test_who_cannot_wait_so_long_learns_at_once_how_long_it_is(made_time: MadeTime) -> None:
    limits = CallLimits(1)
    limits.pauses.begin("app", 40)
    made_time.now += 15
    with pytest.raises(Throttled) as raised, limits.hold({"app", "app/box"}, patience=24):
        pass
    assert raised.value.retry_after == 25
    with limits.hold({"another"}):
        pass
    with context.call("id", seconds=10), pytest.raises(Throttled), limits.hold({"app"}):
        pass
    with limits.hold({"app"}, patience=26):
        assert made_time.now == 1040


def test_a_pause_learned_while_waiting_for_a_place_is_kept(made_time: MadeTime) -> None:
    limits, order, began = CallLimits(1), [], threading.Event()

    def call() -> None:
        began.set()
        with limits.hold({"box"}):
            order.append(made_time.now)

    with limits.hold({"box"}):
        waiter = threading.Thread(target=call)
        waiter.start()
        began.wait()
        limits.pauses.begin("box", 9)
    waiter.join()
    assert order == [1009]


def test_a_pause_gets_longer_and_never_shorter(made_time: MadeTime) -> None:
    pauses = Pauses()
    pauses.begin("box", 5)
    pauses.begin("box", 2)
    assert pauses.rest({"box"}) == 5
    pauses.begin("box", 1e9)
    assert pauses.rest({"box"}) == 3600, "no mistake of Graph silences the gateway for longer than an hour"
    made_time.now += 3600
    assert pauses.rest({"box"}) == 0


def said(code: str, message: str = "") -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()


@pytest.mark.parametrize(
    ("status", "headers", "body", "whose"),
    [
        (429, {"Retry-After": "3"}, said("ApplicationThrottled", "Over its IncomingBytes limit."), "mailbox"),
        (429, {"retry-after": "3"}, said("ApplicationThrottled", "Over its MailboxConcurrency limit."), "app"),
        (429, {"Retry-After": "3"}, said("TooManyRequests"), "app"),
        (429, {"Retry-After": "3", "x-ms-throttle-scope": "Tenant_Application/Read/a/b"}, b"", "app"),
        (429, {"Retry-After": "3"}, said("ErrorTooManyObjectsOpened"), "mailbox"),
        (429, {"Retry-After": "3"}, b"", "mailbox"),
        (503, {"Retry-After": "3"}, said("ErrorServerBusy"), "mailbox"),
        (509, {"Retry-After": "3"}, b"", "app"),
        (429, {}, b"", None),
        (429, {"Retry-After": "soon"}, b"", None),
        (429, {"Retry-After": "0"}, b"", None),
        (424, {"Retry-After": "3"}, b"", None),
        (200, {"Retry-After": "3"}, b"", None),
    ],
)
def test_a_pause_is_of_the_mailbox_unless_graph_speaks_of_the_app(
    status: int, headers: dict[str, str], body: bytes, whose: str | None
) -> None:
    expected = Pause(3, is_of_app=whose == "app") if whose else None
    assert read_pause(status, headers, body) == expected


@pytest.mark.parametrize(
    ("path", "mailbox"),
    [
        ("/users/Support@contoso.com/messages/delta", "support@contoso.com"),
        ("/users/support%40contoso.com", "support@contoso.com"),
        ("/Users('support%40contoso.com')/mailFolders('inbox')/messages", "support@contoso.com"),
        ("/solutions/bookingBusinesses/Contoso@contoso.com/appointments", "contoso@contoso.com"),
        ("/solutions/bookingBusinesses?query=a", None),
        ("/solutions/bookingBusinesses", None),
        ("/$batch", None),
        ("/", None),
    ],
)
def test_a_booking_page_is_a_mailbox_too(path: str, mailbox: str | None) -> None:
    assert mailbox_of(path) == mailbox


def test_a_pause_that_another_process_learned_of_is_kept(sim: Simulator, made_time: MadeTime) -> None:
    knowing, other = GraphMail(make_client(sim), mails.SUPPORT), GraphMail(make_client(sim), mails.SUPPORT.upper())
    sim.graph_limits.share, sim.graph_limits.retry_after = 1.0, 600
    with pytest.raises(Throttled):
        knowing.get_folder("inbox")
    assert knowing.paused_until is not None
    assert other.paused_until is None
    other.keep_pause(knowing.paused_until)
    sim.exchanges.clear()
    with pytest.raises(Throttled) as raised:
        other.get_folder("inbox")
    assert not [seen for seen in sim.exchanges.all() if seen.api == "mail"]
    assert 590 < (raised.value.retry_after or 0) <= 600
    other.keep_pause(datetime.now(UTC) - timedelta(hours=1))
    made_time.now += 600
    assert other.paused_until is None


def test_what_was_unknown_before_a_refused_sending_stays_unknown(made_time: MadeTime) -> None:
    """A write whose outcome is unknown, then a pause too long to wait for: it may have been done all the same."""
    client = GraphClient.__new__(GraphClient)
    parts = {"responses": [{"id": "a", "status": 500}, {"id": "b", "status": 429}]}
    answers = iter([Answer(200, {}, json.dumps(parts).encode())])

    def send(*_: object, **__: object) -> Answer:
        for answer in answers:
            return answer
        raise Throttled("Wait.", retry_after=1000)

    client._send, client._root, client._keep_pause = send, "", lambda *_: None  # type: ignore[method-assign]
    wishes = [SubRequest(name, "PATCH", f"/users/x/messages/{name}", {}) for name in "ab"]
    found = client.batch(wishes, retry=SET_AGAIN)
    assert isinstance(found["a"], OutcomeUnknown)
    assert isinstance(found["b"], Throttled)
    assert made_time.now > 1000, "it was sent again"
