"""One client for Microsoft Graph v1.0: paths, pages, batches, errors.

The token goes to Graph's own host only: a link that names another host is an error, never a request.
"""

import json
import logging
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from shared import context
from shared.auth import TokenSource
from shared.challenges import read_challenge
from shared.errors import GatewayError, OutcomeUnknown, Rejected, ServerFailed, Throttled, Unavailable
from shared.graph.answers import Expected, is_success, read_error, read_json, read_pause
from shared.graph.limits import CallLimits, mailbox_of
from shared.json_text import Json
from shared.readiness import Service, note
from shared.retry import RetryPolicy, call_with_retry
from shared.transport import Answer, Transport

_log = logging.getLogger("gateway.graph")


BATCH_SIZE = 20  # Graph's own limit
_MOST_PAGES = 200
_SLOW_SECONDS = 3.0
_LARGEST_ERROR = 256 * 1024
_ENDS_EVERY_CALL = frozenset({"TokenRejected", "RedirectRefused"})


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

    def __init__(self, tokens: TokenSource, transport: Transport, limits: CallLimits) -> None:
        self._tokens = tokens
        self._transport = transport
        self._limits = limits
        connection = tokens.connection
        self._host = connection.cloud.graph
        self._app = f"{self._host}/{connection.tenant_id}/{connection.client_id}"
        self._root = f"https://{self._host}/v1.0"

    def get(
        self, path: str, *, retry: RetryPolicy, query: Mapping[str, str] | None = None, prefer: Sequence[str] = ()
    ) -> Json:
        """Read one resource. Raises GatewayErrors."""
        ask = partial(self._send, "GET", self._root + path, of=(path,), retry=retry, query=query, prefer=prefer)
        return call_with_retry(retry, lambda: read_json(ask()))

    def get_link(self, link: str, *, of: str, retry: RetryPolicy, prefer: Sequence[str] = ()) -> Json:
        """Read what an earlier answer to the path `of` linked to, see `own_link`. Raises GatewayErrors."""
        own = self.own_link(link)
        ask = partial(self._send, "GET", own, of=(of,), retry=retry, prefer=prefer)
        return call_with_retry(retry, lambda: read_json(ask()))

    def post(self, path: str, *, body: Json, retry: RetryPolicy, prefer: Sequence[str] = ()) -> Json:
        """Post a body; {} where Graph answers without one. Raises GatewayErrors."""
        ask = partial(self._send, "POST", self._root + path, of=(path,), retry=retry, body=body, prefer=prefer)
        return call_with_retry(retry, lambda: read_json(ask()))

    def patch(self, path: str, *, body: Json, retry: RetryPolicy) -> Json:
        """Change the properties that are sent; {} where Graph answers without a body. Raises GatewayErrors."""
        ask = partial(self._send, "PATCH", self._root + path, of=(path,), retry=retry, body=body)
        return call_with_retry(retry, lambda: read_json(ask()))

    def delete(self, path: str, *, retry: RetryPolicy) -> None:
        """Delete one resource. Raises GatewayErrors."""
        ask = partial(self._send, "DELETE", self._root + path, of=(path,), retry=retry)
        call_with_retry(retry, ask)

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
            answer = self.get_link(link, of=path, retry=retry, prefer=prefer)
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
            self._limits.hold(self._scopes((path,))),
            self._transport.open(
                "GET", self._root + path, authorization=f"Bearer {token}", headers=_headers(prefer, accept="*/*")
            ) as streamed,
        ):
            if streamed.status == HTTPStatus.UNAUTHORIZED:
                self._tokens.renew(token, read_challenge(streamed.headers))
                raise Unavailable("Microsoft Graph requires a new token. Try again.", retry_after=0)
            if streamed.status != HTTPStatus.OK:
                answer = Answer(streamed.status, streamed.headers, streamed.read(_LARGEST_ERROR))
                self._keep_pause(answer, mailbox_of(path))
                raise read_error(answer.status, answer.headers, answer.body) or OutcomeUnknown(
                    "Microsoft Graph did not send the bytes. Try again later.", code="UpstreamBadAnswer"
                )
            yield streamed.chunks()

    def pause_left(self, path: str) -> float:
        """Return the seconds until Graph wants calls to this path again; 0 if it wants them now."""
        return self._limits.pauses.rest(self._scopes((path,)))

    def begin_pause(self, mailbox: str, seconds: float) -> None:
        """Keep a pause of a mailbox that Graph asked another process for."""
        self._limits.pauses.begin(f"{self._app}/{mailbox}", seconds)

    def own_link(self, link: str) -> str:
        """Return a link unchanged if it leads to Graph v1.0 on this connection's own host.

        Raises Rejected otherwise: the token must not be sent to any other host.
        """
        try:
            parts = urlsplit(link)
        except ValueError:  # such as an open bracket
            parts = urlsplit("")
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
        of: Sequence[str],
        retry: RetryPolicy,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        prefer: Sequence[str] = (),
        most_bytes: int | None = None,
    ) -> Answer:
        """Send one request, and once more with a new token after a 401, which means that nothing was done.

        `of` are the paths that the request is about: those of the parts of a batch.
        """
        scopes = self._scopes(of)

        def send(token: str) -> Answer:
            with self._limits.hold(scopes, patience=retry.within):
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
                # Noted while this call still holds its place, so that who waits for it learns of the pause.
                self._keep_pause(answer, None if url.endswith("/$batch") else mailbox_of(of[0]))
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

    def _scopes(self, paths: Collection[str]) -> set[str]:
        """Return whose pauses hold for a request about these paths: the app's, and those of the mailboxes."""
        return {self._app} | {f"{self._app}/{mailbox}" for path in paths if (mailbox := mailbox_of(path))}

    def _keep_pause(self, answer: Answer, mailbox: str | None) -> None:
        """Let all threads keep the pause that Graph asks for, if it does."""
        pause = read_pause(answer.status, answer.headers, answer.body)
        if pause is not None:
            is_of_app = pause.is_of_app or mailbox is None
            self._limits.pauses.begin(self._app if is_of_app else f"{self._app}/{mailbox}", pause.seconds)

    def _note(self, error: GatewayError | None) -> None:
        """Note whether Graph serves this connection.

        A call that began too late says nothing about it, and neither does a 500, which Bookings answers to bad input,
        too. A refusal, and a call too many, were answered; but a token that Graph refuses ends every call, and so does
        a redirect.
        """
        if isinstance(error, ServerFailed) or (error is not None and error.code == "OutOfTime"):
            return
        is_away = isinstance(error, (Unavailable, OutcomeUnknown)) and not isinstance(error, Throttled)
        is_failure = is_away or (error is not None and error.code in _ENDS_EVERY_CALL)
        note(Service.GRAPH, self._tokens.connection.name, error=error if is_failure else None)

    def _send_batch(
        self, requests: Sequence[SubRequest], retry: RetryPolicy, most_bytes: int | None
    ) -> dict[str, Expected]:
        waiting = {request.id: request for request in requests}
        answers: dict[str, Expected] = {}

        def send_waiting() -> None:
            try:
                fresh = self._send_parts(waiting, retry, most_bytes)
            except GatewayError as unsent:
                _forget(answers, waiting, but_unknown=isinstance(unsent, Unavailable))
                raise
            _forget(answers, waiting)
            answers.update(fresh)
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

    def _send_parts(
        self, parts: Mapping[str, SubRequest], retry: RetryPolicy, most_bytes: int | None
    ) -> dict[str, Expected]:
        """Send one batch; return the answers by id. Each part has a status and a Retry-After of its own."""
        paths = [part.path for part in parts.values()]
        body = {"requests": [_sub_request(part) for part in parts.values()]}
        url = f"{self._root}/$batch"
        whole = read_json(self._send("POST", url, of=paths, retry=retry, body=body, most_bytes=most_bytes))
        answers: dict[str, Expected] = {}
        for answer in whole.get("responses", []):
            key = str(answer["id"])
            answers[key] = _sub_answer(answer)
            if key in parts and not is_success(int(answer["status"])):
                self._keep_pause(_read_part(answer), mailbox_of(parts[key].path))
        return answers


def _forget(answers: dict[str, Expected], waiting: Collection[str], *, but_unknown: bool = False) -> None:
    """Forget the first answers to requests that were sent again; if they were not, what was unknown stays unknown."""
    for key in waiting:
        if not (but_unknown and isinstance(answers.get(key), OutcomeUnknown)):
            answers.pop(key, None)


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


def _read_part(part: Json) -> Answer:
    body = part.get("body")
    raw = json.dumps(body).encode() if body is not None else b""
    return Answer(int(part["status"]), part.get("headers") or {}, raw)


def _sub_answer(part: Json) -> Expected:
    if is_success(int(part["status"])):
        body = part.get("body")
        return body if isinstance(body, dict) else {}
    answer = _read_part(part)
    error = read_error(answer.status, answer.headers, answer.body)
    return error or OutcomeUnknown(
        "Microsoft Graph left a request unanswered. Try again later.", code="UpstreamBadAnswer"
    )


def _longest_wait(errors: Sequence[GatewayError]) -> GatewayError:
    """Choose the error that asks for the longest wait: the whole batch goes again after it."""
    return max(errors, key=lambda error: (error.retry_after or 0.0) if isinstance(error, Unavailable) else 0.0)
