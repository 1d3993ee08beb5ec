"""Files that are too large for an answer: they leave by a link or in parts, and the worker never holds them whole."""

import re
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import requests

from blueprints import _http, mail_files
from inbound_mail.ledger import mail_exports
from shared.graph.mail import GraphMail
from shared.storage.blobs import Container
from tests.functional.conftest import read_error
from tests.functional.mail.conftest import MailScenario, OpenScenario
from twin.mail.contents import Synthetic

MIB = 1024 * 1024
LARGE = 60 * MIB


@pytest.fixture
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer takes 64 KiB at most."""
    monkeypatch.setattr(mail_files, "MOST_BYTES", 64 * 1024)


def receive(open_scenario: OpenScenario, size: int) -> tuple[MailScenario, str]:
    """Let a mail with a file of this size be stored; return the path of the mail."""
    scenario = open_scenario(attachment_mb=150)
    mail = scenario.receive(subject="Dump", text="See file.", attachments=[Synthetic(size, name="a b.bin")])
    scenario.run()
    return scenario, f"mailboxes/{scenario.name}/mails/{scenario.mailbox.key(mail.id)}"


def ask(scenario: MailScenario, path: str, **headers: str) -> requests.Response:
    """Ask for a file, as an engine that follows no redirection does."""
    shown = {"x-functions-key": scenario.gateway.key} | headers
    url = f"{scenario.gateway.base_url}/api/{path}"
    return scenario.gateway.http.get(url, headers=shown, timeout=120, allow_redirects=False)


def fetch(url: str) -> tuple[int, bytes, str]:
    """Open a link as anybody can, without a key."""
    answer = requests.get(url, timeout=120)
    return answer.status_code, answer.content, answer.headers.get("content-disposition", "")


def copies(scenario: MailScenario) -> list[str]:
    return [one.name for one in Container(scenario.storage, mail_exports.CONTAINER).list_versions(f"{scenario.name}/")]


@pytest.mark.slow(reason="60 MB pass through the twin, the emulator and the worker", seconds=10)
def test_60_mb_leave_by_a_link_and_the_worker_never_holds_them(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scenario, mail = receive(open_scenario, LARGE)
    tracemalloc.start()
    answer = ask(scenario, f"{mail}/attachments/1")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 303
    assert answer.content == b""
    assert peak < 8 * MIB
    status, content, disposition = fetch(answer.headers["location"])
    assert (status, len(content), disposition) == (200, LARGE, "attachment; filename*=UTF-8''a%20b.bin")

    ahead = watch_what_is_held(monkeypatch)
    exported = ask(scenario, f"{mail}/eml")
    assert exported.status_code == 303
    assert exported.content == b""
    assert max(ahead) <= mail_files.MOST_BYTES + MIB
    status, content, _ = fetch(exported.headers["location"])
    assert status == 200
    assert len(content) > LARGE * 4 // 3  # Base64
    assert b"Subject: Dump" in content
    assert not re.search(r"sig=|sv=20", caplog.text)


def watch_what_is_held(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by the bytes that were read of a mail and not handed to storage yet."""
    held, ahead = [0], [0]
    stream, put = GraphMail.stream_mime, Container.put

    def count(chunks: Iterable[bytes], sign: int) -> Iterator[bytes]:
        for chunk in chunks:
            held[0] += sign * len(chunk)
            ahead.append(held[0])
            yield chunk

    @contextmanager
    def counted(self: GraphMail, graph_id: str) -> Iterator[Iterator[bytes]]:
        with stream(self, graph_id) as chunks:
            yield count(chunks, 1)

    monkeypatch.setattr(GraphMail, "stream_mime", counted)
    monkeypatch.setattr(Container, "put", lambda self, name, data, **more: put(self, name, count(data, -1), **more))
    return ahead


@pytest.mark.usefixtures("small_answers")
def test_a_large_file_leaves_in_parts_and_by_a_link(open_scenario: OpenScenario) -> None:
    scenario, mail = receive(open_scenario, 80_000)
    for path in (f"{mail}/attachments/1", f"{mail}/eml"):
        followed = scenario.gateway.get(path)  # as browsers do
        assert followed.status_code == 200
        assert [one.status_code for one in followed.history] == [303]
        size = len(followed.content)
        first = ask(scenario, path, Range="bytes=0-65535")
        rest = ask(scenario, path, Range=f"bytes=65536-{size}")
        assert (first.status_code, rest.status_code) == (206, 206)
        assert first.headers["content-range"] == f"bytes 0-65535/{size}"
        assert first.content + rest.content == followed.content
        assert read_error(ask(scenario, path, Range="bytes=1-"))["code"] == "RangeNeeded"
        by_link = scenario.gateway.get(f"{path}/link").json()
        assert by_link["size"] == size
        assert fetch(by_link["url"])[1] == followed.content
        assert datetime.fromisoformat(by_link["expiresDateTime"]) > datetime.now(UTC)
    assert len(copies(scenario)) == 1


def test_a_small_file_comes_as_it_did_and_has_a_link_if_one_is_asked_for(open_scenario: OpenScenario) -> None:
    scenario, mail = receive(open_scenario, 1_000)
    assert ask(scenario, f"{mail}/attachments/1").status_code == 200
    assert ask(scenario, f"{mail}/eml").status_code == 200
    assert copies(scenario) == []
    first, second = (scenario.gateway.get(f"{mail}/{one}/link").json() for one in ("attachments/1", "eml"))
    assert len(fetch(first["url"])[1]) == 1_000
    assert b"Subject: Dump" in fetch(second["url"])[1]
    assert second["name"].endswith(".eml")
    assert len(copies(scenario)) == 1


@pytest.mark.usefixtures("small_answers")
def test_without_links_large_files_leave_in_parts(open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, mail = receive(open_scenario, 100_000)
    monkeypatch.setattr(scenario.services.file_links, "are_allowed", False)
    for path in (f"{mail}/attachments/1", f"{mail}/eml"):
        error = read_error(ask(scenario, path))
        assert (error["status"], error["code"], error["target"]) == (400, "RangeNeeded", "Range")
        assert ask(scenario, path, Range="bytes=0-9").status_code == 206
        refused = read_error(ask(scenario, f"{path}/link"))
        assert (refused["status"], refused["code"]) == (403, "FileLinksOff")


@pytest.mark.parametrize("below", ["attachments/1/link", "eml/link"])
def test_links_are_given_with_the_key_and_for_what_is_there_only(scenario: MailScenario, below: str) -> None:
    assert scenario.gateway.get(f"mailboxes/{scenario.name}/mails/{'0' * 40}/{below}", key="").status_code == 401
    error = read_error(scenario.gateway.get(f"mailboxes/{scenario.name}/mails/{'0' * 40}/{below}"))
    assert (error["status"], error["code"]) == (404, "MailNotFound" if below == "eml/link" else "AttachmentNotFound")


@pytest.mark.usefixtures("small_answers")
def test_a_mail_that_breaks_off_leaves_no_copy_and_the_next_call_makes_one(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, mail = receive(open_scenario, 9 * MIB)
    stream = GraphMail.stream_mime

    @contextmanager
    def broken(self: GraphMail, graph_id: str) -> Iterator[Iterator[bytes]]:
        with stream(self, graph_id) as chunks:
            yield (refuse_after(chunks, 8 * MIB))

    monkeypatch.setattr(GraphMail, "stream_mime", broken)
    assert ask(scenario, f"{mail}/eml").status_code == 500  # as a worker that dies, it ends in the middle
    assert copies(scenario) == []
    monkeypatch.setattr(GraphMail, "stream_mime", stream)
    assert ask(scenario, f"{mail}/eml").status_code == 303
    assert len(copies(scenario)) == 1


def refuse_after(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    for chunk in chunks:
        most -= len(chunk)
        if most < 0:
            raise RuntimeError
        yield chunk


@pytest.mark.usefixtures("small_answers")
def test_a_mail_beyond_all_limits_is_refused_and_nothing_is_kept(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_files, "MOST_BYTES_OF_A_MAIL", 5 * MIB)
    scenario, mail = receive(open_scenario, 6 * MIB)
    for path in (f"{mail}/eml", f"{mail}/eml/link"):
        assert read_error(ask(scenario, path))["code"] == "AnswerTooLarge"
    assert copies(scenario) == []


def test_one_copy_serves_for_half_a_day(open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, mail = receive(open_scenario, 1_000)
    for _ in range(2):
        scenario.gateway.get(f"{mail}/eml/link")
    assert len(copies(scenario)) == 1
    monkeypatch.setattr(mail_exports, "_SERVES_FOR", timedelta(0))
    scenario.gateway.get(f"{mail}/eml/link")
    assert len(copies(scenario)) == 2


def test_an_answer_in_json_is_bounded_too_and_the_mail_is_got_as_a_file(
    scenario: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = scenario.receive(subject="Long", text="x" * 50_000)
    scenario.run()
    path = f"mailboxes/{scenario.name}/mails/{scenario.mailbox.key(mail.id)}"
    assert scenario.gateway.get(path).status_code == 200
    monkeypatch.setattr(_http, "MOST_ANSWER_BYTES", 50_000)
    error = read_error(scenario.gateway.get(path))
    assert (error["status"], error["code"]) == (502, "AnswerTooLarge")
    assert "`eml`" in error["message"]
    assert len(ask(scenario, f"{path}/eml").content) > 50_000
