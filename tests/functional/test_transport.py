"""One exchange over real sockets: what its errors prove about the request."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import requests

from shared import context, direct_session, transport
from shared.direct_session import DirectSession
from shared.errors import (
    AnswerTooLarge,
    ConfigurationError,
    GatewayError,
    OutcomeUnknown,
    TimedOut,
    Unavailable,
    Unreachable,
)
from shared.transport import Transport

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LAST = GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")  # the next request opens a connection


@contextmanager
def server(*replies: bytes | None) -> Iterator[tuple[str, list[bytes]]]:
    """Answer one connection after another with raw bytes, then close it; None keeps it open in silence."""
    seen: list[bytes] = []
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for reply in replies:
                try:
                    connection, _ = listener.accept()
                except OSError:  # the test is over
                    return
                with connection:
                    seen.append(read_request(connection))
                    if reply is None:
                        done.wait(10)
                    else:
                        connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/", seen
        finally:
            done.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def read_request(connection: socket.socket) -> bytes:
    """Read head and body: they may come in two parts."""
    raw = connection.recv(65536)
    while raw and not (raw.startswith(b"CONNECT") and raw.endswith(b"\r\n\r\n")):
        head, complete, body = raw.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if complete and len(body) >= int(length[1] if length else 0):
            break
        raw += connection.recv(65536)
    return raw


def send(url: str, *, token: str = "t") -> bytes:
    answer = Transport().send("POST", url, authorization=f"Bearer {token}", json={"a": 1})
    return answer.body


def test_the_whole_answer_is_read() -> None:
    with server(GOOD) as (url, seen):
        assert send(url) == b"ok"
    assert b"Authorization: Bearer t\r\n" in seen[0]
    assert seen[0].endswith(b'{"a": 1}')


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"nonsense\r\n\r\n",
    ],
)
def test_a_request_that_was_sent_and_not_wholly_answered_has_an_unknown_outcome(reply: bytes) -> None:
    with server(reply) as (url, _), pytest.raises(OutcomeUnknown) as raised:
        send(url)
    assert not isinstance(raised.value, TimedOut)


def test_silence_is_a_time_out_with_an_unknown_outcome() -> None:
    with server(None) as (url, _), pytest.raises(TimedOut):
        Transport(read_seconds=0.3).send("GET", url)


def test_nobody_listening_proves_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable):
        send(f"http://127.0.0.1:{port}/")


def use_proxy(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def ask_through_proxy(monkeypatch: pytest.MonkeyPatch, reply: bytes) -> GatewayError:
    with server(reply) as (url, _):
        use_proxy(monkeypatch, int(url.rpartition(":")[2].strip("/")))
        with pytest.raises(GatewayError) as raised:
            send("https://graph.microsoft.com/")
    return raised.value


def test_a_proxy_that_refuses_proves_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(ask_through_proxy(monkeypatch, b"HTTP/1.1 403 Forbidden\r\n\r\n"), Unreachable)


def test_a_proxy_that_is_not_there_proves_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    use_proxy(monkeypatch, port)
    with pytest.raises(Unreachable):
        send("https://graph.microsoft.com/")


def test_a_line_that_breaks_behind_a_proxy_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """urllib3 calls this a ProxyError, as if no connection had come about."""
    assert isinstance(ask_through_proxy(monkeypatch, b""), OutcomeUnknown)


def test_a_token_never_travels_in_the_clear_to_another_machine() -> None:
    for url in ("http://graph.microsoft.com/", "ftp://127.0.0.1.evil.example/", "http://localhost.evil.example/"):
        with pytest.raises(ConfigurationError):
            send(url)


def test_all_threads_share_the_connections_and_no_cookie_is_kept() -> None:
    """One connection is all that the server accepts."""
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: who=you\r\nContent-Length: 2\r\n\r\nok"
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                for _ in range(3):
                    seen.append(read_request(connection))
                    connection.sendall(answer)

        server_thread = threading.Thread(target=serve, daemon=True)
        server_thread.start()
        transport = Transport(read_seconds=5)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for _ in range(3):
            caller = threading.Thread(target=transport.send, args=("GET", url))
            caller.start()
            caller.join()
        server_thread.join(10)
    assert len(seen) == 3
    assert not [request for request in seen if b"cookie" in request.lower()]
    assert all(b"Accept-Encoding: gzip" in request for request in seen)


def test_the_surroundings_of_a_host_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    look_up = requests.Session.merge_environment_settings

    def note(self: requests.Session, url: str, *rest: Any) -> Any:
        asked.append(url)
        return look_up(self, url, *rest)

    monkeypatch.setattr(requests.Session, "merge_environment_settings", note)
    transport = Transport()
    with server(LAST, LAST) as (url, _):
        transport.send("GET", url)
        transport.send("GET", f"{url}other")
    assert len(asked) == 1


def test_a_netrc_file_does_not_replace_the_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / "netrc").write_text("machine 127.0.0.1 login evil password evil")
    monkeypatch.setenv("NETRC", str(home / "netrc"))
    with server(GOOD) as (url, seen):
        send(url)
    assert b"Authorization: Bearer t\r\n" in seen[0]


@pytest.mark.parametrize(
    "path",
    [
        "table(PartitionKey='a',RowKey='b%7Cc')?$filter=PartitionKey%20eq%20%27a%27&$top=1",
        "users/a@b.com/messages/AAk%2B%3D%2F/$value",
        "a/../b/./c?x=/..",
        "a b?c=ü#fragment",
        "%41%zz%e4?",
        "?q={1}|2",
        "",
    ],
)
def test_addresses_are_sent_as_requests_sends_them(path: str) -> None:
    with server(LAST, LAST, LAST) as (url, seen):
        plain = requests.Session()
        plain.trust_env = False
        plain.get(url + path, timeout=10)
        DirectSession().request("GET", url + path)
        DirectSession().request("GET", url + path, params={})
    expected, *found = (raw.split(b"\r\n")[0] for raw in seen)
    assert found == [expected, expected]


def test_a_connection_closed_in_favour_of_another_host_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_session, "_MOST_HOSTS", 1)
    session = DirectSession()
    with server(GOOD, GOOD) as (one, _), server(GOOD) as (other, _):
        assert [session.request("GET", url).content for url in (one, other, one)] == [b"ok"] * 3


def test_without_time_left_nothing_is_begun() -> None:
    with context.call("id", seconds=-1), pytest.raises(Unavailable) as raised:
        send("http://127.0.0.1:9/")
    assert raised.value.code == "OutOfTime"


def test_an_answer_that_trickles_is_cut_off_with_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_CHUNK", 1)
    long = server(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000)
    with long as (url, _), context.call("id", seconds=0.05), pytest.raises(TimedOut):
        send(url)


def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_LARGEST_BODY", 1000)
    monkeypatch.setattr(transport, "_CHUNK", 100)
    long = server(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)
    with long as (url, _), pytest.raises(AnswerTooLarge):
        send(url)


def test_an_answer_larger_than_wanted_is_given_up_however_it_comes() -> None:
    reported = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    untold = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n"
    for answer in (reported, untold):
        with server(answer) as (url, _), pytest.raises(AnswerTooLarge):
            Transport().send("GET", url, authorization="Bearer t", most_bytes=4999)
        with server(answer) as (url, _):
            assert len(Transport().send("GET", url, authorization="Bearer t", most_bytes=5000).body) == 5000


def test_a_stream_that_breaks_off_raises_while_it_is_read() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    with server(cut) as (url, _), Transport().open("GET", url, authorization="Bearer t") as streamed:
        assert streamed.status == 200
        with pytest.raises(OutcomeUnknown):
            list(streamed.chunks())


def test_redirects_are_not_followed() -> None:
    with server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n") as (url, _):
        assert Transport().send("GET", url, authorization="Bearer t").status == 302
