"""One client for Microsoft Graph v1.0: paths, pages, batches, errors, and one limit of calls for the whole app.

The token goes to Graph's own host only: a link that names another host is an error, never a request.
"""

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from shared import context
from shared.auth import TokenSource
from shared.errors import GatewayError, OutcomeUnknown, Rejected, ServerFailed, Throttled, Unavailable
from shared.graph.answers import Expected, is_success, read_challenge, read_error, read_json
from shared.json_text import Json
from shared.readiness import Service, note
from shared.retry import RetryPolicy, call_with_retry
from shared.transport import Answer, Transport

_log = logging.getLogger("gateway.graph")


BATCH_SIZE = 20  # Graph's own limit
_MOST_PAGES = 200
_SLOW_SECONDS = 3.0
_LARGEST_ERROR = 256 * 1024


class ConcurrencyLimit:
    """Limits how many requests the app has open at Graph at the same time. Outlook allows an app four.

    One limit serves all connections and threads of an instance. Waiting counts against the call's own time.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._places = threading.BoundedSemaphore(width)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Count the block as one open request. Raises Throttled if none of the others ends in time."""
        if not self._places.acquire(timeout=max(0.0, min(context.remaining(), 60.0))):
            raise Throttled("The gateway is busy with other calls to Microsoft Graph. Try again soon.", retry_after=5)
        try:
            yield
        finally:
            self._places.release()


@dataclass(frozen=True)
class CollectionPage:
    """One page of a collection and the verified link to the next one."""

    items: list[Json]
    next_link: str | None


@dataclass(frozen=True)
class SubRequest:
    """One request of a batch: `path` below /v1.0 with its query, ready escaped."""

    id: str
    method: str
    path: str
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class GraphClient:
    """Calls Graph for one connection. Every method names its retry policy; there is no default."""

    def __init__(self, tokens: TokenSource, transport: Transport, limit: ConcurrencyLimit) -> None:
        self._tokens = tokens
        self._transport = transport
        self._limit = limit
        self._host = tokens.connection.cloud.graph
        self._root = f"https://{self._host}/v1.0"

    def get(
        self, path: str, *, retry: RetryPolicy, query: Mapping[str, str] | None = None, prefer: Sequence[str] = ()
    ) -> Json:
        """Read one resource. Raises GatewayErrors."""
        url = self._root + path
        return call_with_retry(retry, lambda: read_json(self._send("GET", url, query=query, prefer=prefer)))

    def get_link(self, link: str, *, retry: RetryPolicy, prefer: Sequence[str] = ()) -> Json:
        """Read what an earlier answer linked to, see `own_link`. Raises GatewayErrors."""
        own = self.own_link(link)
        return call_with_retry(retry, lambda: read_json(self._send("GET", own, prefer=prefer)))

    def post(self, path: str, *, body: Json, retry: RetryPolicy, prefer: Sequence[str] = ()) -> Json:
        """Post a body; {} where Graph answers without one. Raises GatewayErrors."""
        url = self._root + path
        return call_with_retry(retry, lambda: read_json(self._send("POST", url, body=body, prefer=prefer)))

    def patch(self, path: str, *, body: Json, retry: RetryPolicy) -> Json:
        """Change the properties that are sent; {} where Graph answers without a body. Raises GatewayErrors."""
        url = self._root + path
        return call_with_retry(retry, lambda: read_json(self._send("PATCH", url, body=body)))

    def get_page(
        self,
        path: str,
        *,
        retry: RetryPolicy,
        query: Mapping[str, str] | None = None,
        prefer: Sequence[str] = (),
        link: str | None = None,
    ) -> CollectionPage:
        """Read one page of a collection: the first, or the one behind `link` (Graph's own, see `own_link`)."""
        if link is None:
            answer = self.get(path, retry=retry, query=query, prefer=prefer)
        else:
            answer = self.get_link(link, retry=retry, prefer=prefer)
        items = answer.get("value")
        if not isinstance(items, list):
            raise OutcomeUnknown(
                "Microsoft Graph sent something else where a list belongs. Try again later.", code="UpstreamBadAnswer"
            )
        next_link = answer.get("@odata.nextLink")
        return CollectionPage(items, self.own_link(next_link) if next_link else None)

    def pages(
        self, path: str, *, retry: RetryPolicy, query: Mapping[str, str] | None = None, prefer: Sequence[str] = ()
    ) -> Iterator[list[Json]]:
        """Follow the links of a collection to its end, holding one page at a time."""
        link: str | None = None
        for _ in range(_MOST_PAGES):
            page = self.get_page(path, retry=retry, query=query, prefer=prefer, link=link)
            yield page.items
            link = page.next_link
            if link is None:
                return
        raise Rejected(f"Microsoft Graph sent more than {_MOST_PAGES} pages. Ask for less.", code="TooManyPages")

    def batch(
        self, requests: Sequence[SubRequest], *, retry: RetryPolicy, most_bytes: int | None = None
    ) -> dict[str, Expected]:
        """Send requests in batches of 20 and return each one's own answer or error by id.

        Only sub-requests whose error the policy names are sent again. Each counts against Graph's limits by itself:
        batching saves round trips, not quota. Past `most_bytes` a batch's requests end as AnswerTooLarge.
        """
        answers: dict[str, Expected] = {}
        for start in range(0, len(requests), BATCH_SIZE):
            answers |= self._send_batch(requests[start : start + BATCH_SIZE], retry, most_bytes)
        return answers

    @contextmanager
    def stream(self, path: str, *, prefer: Sequence[str] = ()) -> Iterator[Iterator[bytes]]:
        """Read a resource's bytes as they come, once: after an error, the reading begins anew. Raises GatewayErrors."""
        token = self._tokens.token()
        with (
            self._limit.hold(),
            self._transport.open(
                "GET", self._root + path, authorization=f"Bearer {token}", headers=_headers(prefer, accept="*/*")
            ) as streamed,
        ):
            if streamed.status == HTTPStatus.UNAUTHORIZED:
                self._tokens.renew(token, read_challenge(streamed.headers))
                raise Unavailable("Microsoft Graph requires a new token. Try again.", retry_after=0)
            if streamed.status != HTTPStatus.OK:
                error = read_error(streamed.status, streamed.headers, streamed.read(_LARGEST_ERROR))
                raise error or OutcomeUnknown(
                    "Microsoft Graph did not send the bytes. Try again later.", code="UpstreamBadAnswer"
                )
            yield streamed.chunks()

    def own_link(self, link: str) -> str:
        """Return a link unchanged if it leads to Graph v1.0 on this connection's own host.

        Raises Rejected otherwise: the token must not be sent to any other host.
        """
        parts = urlsplit(link)
        own_host = parts.scheme == "https" and parts.netloc.lower() in (self._host, f"{self._host}:443")
        if not own_host or not parts.path.startswith("/v1.0/"):
            raise Rejected(
                "A link to a place other than Microsoft Graph was not followed. Send the administrator the requestId.",
                code="ForeignLink",
            )
        return link

    def _send(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        prefer: Sequence[str] = (),
        most_bytes: int | None = None,
    ) -> Answer:
        """Send one request, and once more with a new token after a 401, which means that nothing was done."""

        def send(token: str) -> Answer:
            with self._limit.hold():
                began = time.monotonic()
                try:
                    answer = self._transport.send(
                        method,
                        url,
                        authorization=f"Bearer {token}",
                        query=query,
                        headers=_headers(prefer),
                        json=body,
                        most_bytes=most_bytes,
                    )
                except (Unavailable, OutcomeUnknown) as error:
                    self._note(error)
                    raise
                if (taken := time.monotonic() - began) > _SLOW_SECONDS:
                    _log.info("slow: %.1f s for %s %s -> %d", taken, method, urlsplit(url).path, answer.status)
                return answer

        token = self._tokens.token()
        answer = send(token)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            answer = send(self._tokens.renew(token, read_challenge(answer.headers)))
        error = read_error(answer.status, answer.headers, answer.body)
        self._note(error)
        if error is not None:
            _log.info("%s %s -> %s", method, urlsplit(url).path, error)
            raise error
        return answer

    def _note(self, error: GatewayError | None) -> None:
        """Note whether Graph serves this connection.

        A call that began too late says nothing about it, and neither does a 500, which Bookings answers to bad input,
        too. A refusal, and a call too many, were answered; but a token that Graph refuses ends every call.
        """
        if isinstance(error, ServerFailed) or (error is not None and error.code == "OutOfTime"):
            return
        is_away = isinstance(error, (Unavailable, OutcomeUnknown)) and not isinstance(error, Throttled)
        is_failure = is_away or (error is not None and error.code == "TokenRejected")
        note(Service.GRAPH, self._tokens.connection.name, error=error if is_failure else None)

    def _send_batch(
        self, requests: Sequence[SubRequest], retry: RetryPolicy, most_bytes: int | None
    ) -> dict[str, Expected]:
        waiting = {request.id: request for request in requests}
        answers: dict[str, Expected] = {}

        def send_waiting() -> None:
            for key in waiting:
                answers.pop(key, None)  # the answer of the first sending no longer counts
            body = {"requests": [_sub_request(request) for request in waiting.values()]}
            whole = read_json(self._send("POST", f"{self._root}/$batch", body=body, most_bytes=most_bytes))
            for part in whole.get("responses", []):
                answers[str(part["id"])] = _sub_answer(part)
            again = {key: error for key in waiting if isinstance(error := answers.get(key), retry.on)}
            for key in waiting.keys() - again.keys():
                del waiting[key]
            if again:
                raise _longest_wait(list(again.values()))

        failure: GatewayError = OutcomeUnknown(
            "Microsoft Graph left a request unanswered. Try again later.", code="UpstreamBadAnswer"
        )
        try:
            call_with_retry(retry, send_waiting)
        except GatewayError as error:
            failure = error
        return {request.id: answers.get(request.id, failure) for request in requests}


def _headers(prefer: Sequence[str], *, accept: str = "application/json") -> dict[str, str]:
    headers = {"Accept": accept, "client-request-id": context.request_id()}
    return headers | ({"Prefer": ", ".join(prefer)} if prefer else {})


def url_safe(identifier: str) -> str:
    """Return the form of an Exchange id that may stand in a path: one that holds "/" is refused otherwise."""
    return identifier.replace("/", "-").replace("+", "_") if "/" in identifier else identifier


def segment(value: str) -> str:
    """Escape a value as one path segment. The caller checks its form: a segment of dots would change the path."""
    return quote(value, safe="@")


def _sub_request(request: SubRequest) -> Json:
    whole: Json = {"id": request.id, "method": request.method, "url": request.path}
    headers = dict(request.headers)
    if request.body is not None:
        whole["body"] = request.body
        headers.setdefault("Content-Type", "application/json")
    if headers:
        whole["headers"] = headers
    return whole


def _sub_answer(part: Json) -> Expected:
    body, status = part.get("body"), int(part["status"])
    if is_success(status):
        return body if isinstance(body, dict) else {}
    raw = json.dumps(body).encode() if body is not None else b""
    error = read_error(status, part.get("headers") or {}, raw)
    return error or OutcomeUnknown(
        "Microsoft Graph left a request unanswered. Try again later.", code="UpstreamBadAnswer"
    )


def _longest_wait(errors: Sequence[GatewayError]) -> GatewayError:
    """Choose the error that asks for the longest wait: the whole batch goes again after it."""
    return max(errors, key=lambda error: (error.retry_after or 0.0) if isinstance(error, Unavailable) else 0.0)
