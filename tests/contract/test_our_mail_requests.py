"""Every request our client can send to a mailbox, and what comes back, against Graph's own metadata."""

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote

import pytest

from shared.auth import Authenticator
from shared.errors import GatewayError, NotFound
from shared.graph.client import GraphClient
from shared.graph.limits import CallLimits
from shared.graph.mail import GraphMail, MessageChange
from shared.settings.config import load_settings
from shared.transport import Transport
from tests.contract.openapi import Contract, load_contract
from twin import Simulator
from twin.client import redirected_to
from twin.core.record import Exchange
from twin.mail.contents import Enclosure, File, Item
from twin.seeds import mails, sample, tiny


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(tiny.build(), latency=0).running() as running, redirected_to(running):
        yield running


@pytest.fixture
def contract() -> Contract:
    return load_contract("mail")


def make_client(sim: Simulator) -> GraphMail:
    tokens = Authenticator(load_settings(sample.settings(sim))).tokens("default")
    return GraphMail(GraphClient(tokens, Transport(), CallLimits(4)), mails.SUPPORT)


def fill(sim: Simulator) -> None:
    box = sim.mail.mailbox(mails.SUPPORT)
    for number in range(7):
        files: list[Enclosure] = [File(f"a{number}.txt", "text/plain", b"hello"), Item(b"Subject: inside\n\nx")]
        box.receive(subject=f"Mail {number}", html="<p>Hello</p>", attachments=files)


def call_everything(graph: GraphMail) -> None:
    """Call each public method of the client, in good and in bad cases."""
    graph.keep_pause(datetime.now(UTC))  # over already; it asks nothing
    first = graph.read_delta("inbox", None, 5)
    assert first.next_link
    last = graph.read_delta("inbox", first.next_link, 5)
    assert last.delta_link
    graph.read_delta("inbox", last.delta_link, 5)
    ids = [str(item["id"]) for item in first.items]
    assert graph.get_message(ids[0])["id"] == ids[0]
    assert (
        len([item for page in graph.list_recent("inbox", datetime.now(UTC) - timedelta(days=2)) for item in page]) == 7
    )
    listed = graph.read_attachments(ids, most_bytes=1_000_000)
    assert not [answer for answer in listed.values() if isinstance(answer, GatewayError)]
    for attachment in graph.list_attachments(ids[0]):
        assert "contentBytes" not in attachment
        assert graph.get_attachment(ids[0], attachment["id"])["id"] == attachment["id"]
        with graph.stream_attachment(ids[0], attachment["id"]) as chunks:
            assert b"".join(chunks)
    with graph.stream_mime(ids[0]) as chunks:
        assert b"Subject" in b"".join(chunks)
    wholes = graph.read_messages(ids[:2], most_bytes=10_000_000)
    assert not [answer for answer in wholes.values() if isinstance(answer, GatewayError)]
    meetings = graph.read_meetings(ids[:2], most_bytes=10_000_000)
    assert not [answer for answer in meetings.values() if isinstance(answer, GatewayError)]
    assert "body" not in graph.get_message(ids[0], with_body=False)
    marks = graph.read_marks(ids[:2])[ids[0]]
    assert not isinstance(marks, GatewayError)
    changes = [
        MessageChange(ids[0], {"isRead": True, "categories": ["Ticket"]}, marks["@odata.etag"]),
        MessageChange("A" * 100, {"isRead": True}),
    ]
    results = graph.set_values(changes)
    assert results[ids[0]] is None
    assert isinstance(results["A" * 100], NotFound)
    assert graph.move(ids[:1], "archive") == {ids[0]: None}
    graph.get_folder("inbox")
    with pytest.raises(NotFound):
        graph.get_message("A" * 100)


def parts_of(batch: Exchange) -> list[Exchange]:
    """Return the parts of a batch as exchanges of their own."""
    answers = {str(answer["id"]): answer for answer in batch.response_json["responses"]}
    found = []
    for request in batch.request_json["requests"]:
        path, _, query = request["url"].partition("?")
        answer = answers[str(request["id"])]
        found.append(
            Exchange(
                seq=batch.seq,
                api="mail",
                host=batch.host,
                method=request["method"],
                path=unquote(f"/v1.0{path}"),
                query=parse_qsl(query),
                request_headers={name.lower(): value for name, value in (request.get("headers") or {}).items()},
                request_json=request.get("body"),
                in_flight=1,
                started=batch.started,
                status=answer["status"],
                response_headers={name.lower(): value for name, value in (answer.get("headers") or {}).items()},
                response_json=answer.get("body"),
                outcome="answered",
            )
        )
    return found


def test_every_request_of_the_client_and_its_answer_fit_the_metadata(sim: Simulator, contract: Contract) -> None:
    fill(sim)
    graph = make_client(sim)
    methods = {name for name, _ in inspect.getmembers(GraphMail, inspect.isfunction) if not name.startswith("_")}
    called = set()
    for name in methods:
        method = getattr(graph, name)

        def noted(*args: object, _name: str = name, _method: object = method, **more: object) -> object:
            called.add(_name)
            return _method(*args, **more)  # type: ignore[operator]  # any method of the client

        setattr(graph, name, noted)
    call_everything(graph)
    assert graph.shows_immutable_ids("archive")  # compares both kinds of ids, so it alone also asks for the usual one
    assert called == methods
    seen = [exchange for exchange in sim.exchanges.all() if exchange.api in ("graph", "mail")]
    batches = [exchange for exchange in seen if exchange.path.endswith("/$batch")]
    assert batches
    single = [exchange for exchange in seen if exchange not in batches]
    exchanges = [*single, *(part for batch in batches for part in parts_of(batch))]
    complaints = {f"{one.method} {one.path}": found for one in exchanges if (found := contract.check(one))}
    assert not complaints
    operations = [contract.find_operation(one.method, one.path) for one in exchanges]
    assert all(operation is not None and operation.is_documented for operation in operations)


def test_every_request_asks_for_immutable_ids(sim: Simulator) -> None:
    fill(sim)
    call_everything(make_client(sim))
    seen = [exchange for exchange in sim.exchanges.all() if exchange.api in ("graph", "mail")]
    batches = [exchange for exchange in seen if exchange.path.endswith("/$batch")]
    exchanges = [one for one in seen if one not in batches]
    exchanges += [part for batch in batches for part in parts_of(batch)]
    about_messages = [one for one in exchanges if "/messages" in one.path]
    assert len(about_messages) > 15
    assert all('IdType="ImmutableId"' in one.request_headers.get("prefer", "") for one in about_messages)
