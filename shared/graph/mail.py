"""The part of Graph v1.0's mailboxes that support mail needs.

- `Prefer` is not part of a delta token: page size and id type go with every request.
- Page size by Prefer only: with `$top` a delta was seen to skip the rest of a folder.
- A delta's query is frozen in its link; `DELTA_QUERY` and `SLIM_QUERY` (without bodies) are compared with what a stored
  link was made with.
- Immutable ids survive moves inside the mailbox, and are sent only if each request asks for them.

Sources: the reference pages of message: delta, message and attachment, "Get immutable identifiers for Outlook
resources", "JSON batching"; public threads on microsoft-graph-docs-contrib (7946, 8431) and microsoft-graph-docs
(2162, 7776).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.errors import Forbidden, GatewayError, OutcomeUnknown, Refused, Unavailable
from shared.graph.answers import Expected
from shared.graph.client import GraphClient, SubRequest, segment, url_safe
from shared.json_text import Json
from shared.retry import RetryPolicy
from shared.time_zones.zones import utc_text

_IMMUTABLE = 'IdType="ImmutableId"'
_FIELDS = (
    "id,receivedDateTime,subject,from,sender,replyTo,toRecipients,ccRecipients,body,internetMessageHeaders,"
    "internetMessageId,conversationId,hasAttachments,importance,isRead,categories,parentFolderId,webLink"
)
_SLIM_FIELDS = _FIELDS.replace("body,", "")
DELTA_QUERY = f"$select={_FIELDS}"
SLIM_QUERY = f"$select={_SLIM_FIELDS}"

# A poll has minutes, unlike a caller's request. A page that times out is asked for once more, then in half its size.
POLL = RetryPolicy(attempts=6, within=120, on=(Unavailable, OutcomeUnknown), attempts_unknown=2)
# Setting a flag twice does no harm, so these writes may be repeated whatever became of them.
SET_AGAIN = RetryPolicy(attempts=4, within=60, on=(Unavailable, OutcomeUnknown), attempts_unknown=3)
MOVE = RetryPolicy(attempts=4, within=60, on=(Unavailable,))
STREAM = RetryPolicy(attempts=4, within=120, on=(Unavailable, OutcomeUnknown), attempts_unknown=3)

# These speak of the app or of a whole mailbox, though a single mail is what was asked for.
_OF_THE_MAILBOX = frozenset({"TokenRejected", "MailboxNotFound"})


@dataclass(frozen=True)
class DeltaPage:
    """One page of changes. Exactly one of the links is set: more of this round, or where the next round begins."""

    items: list[Json]
    next_link: str | None
    delta_link: str | None


@dataclass(frozen=True)
class MessageChange:
    """What to set on one mail: the body of a PATCH, refused when the mail has another version than `etag`."""

    graph_id: str
    values: Json
    etag: str | None = None


class GraphMail:
    """One mailbox. Raises GatewayErrors. All ids are immutable ids."""

    def __init__(self, graph: GraphClient, address: str) -> None:
        self._graph = graph
        self._address = address.lower()
        self._root = f"/users/{segment(address)}"

    @property
    def paused_until(self) -> datetime | None:
        """Until when Graph wants no calls to the mailbox; None if it wants them now."""
        left = self._graph.pause_left(self._root)
        return datetime.now(UTC) + timedelta(seconds=left) if left else None

    def keep_pause(self, until: datetime) -> None:
        """Keep a pause that another process was asked for."""
        if (left := (until - datetime.now(UTC)).total_seconds()) > 0:
            self._graph.begin_pause(self._address, left)

    def read_delta(
        self, folder: str, link: str | None, page_size: int, *, with_bodies: bool = True, retry: RetryPolicy = POLL
    ) -> DeltaPage:
        """Read one page of a folder's changes: of a first round, or the one behind a stored link.

        `with_bodies` counts for a first round; a link remembers it. Rejected with code CursorLost when Graph has
        forgotten the link.
        """
        prefer = (_IMMUTABLE, f"odata.maxpagesize={page_size}")
        if link is None:
            path = f"{self._folder(folder)}/messages/delta"
            fields = _FIELDS if with_bodies else _SLIM_FIELDS
            answer = self._graph.get(path, query={"$select": fields}, prefer=prefer, retry=retry)
        else:
            answer = self._graph.get_link(link, of=self._root, prefer=prefer, retry=retry)
        items, next_link, delta_link = (
            answer.get("value"),
            answer.get("@odata.nextLink"),
            answer.get("@odata.deltaLink"),
        )
        if not isinstance(items, list) or not (next_link or delta_link):
            raise OutcomeUnknown(
                "Microsoft Graph sent a page of changes without a next link. Try again later.", code="UpstreamBadAnswer"
            )
        return DeltaPage(
            items,
            self._graph.own_link(next_link) if next_link else None,
            self._graph.own_link(delta_link) if delta_link and not next_link else None,
        )

    def get_message(self, graph_id: str, *, with_body: bool = True) -> Json:
        """Return one message with the same fields as a delta's."""
        query = {"$select": _FIELDS if with_body else _SLIM_FIELDS}
        return self._graph.get(self._message(graph_id), query=query, prefer=(_IMMUTABLE,), retry=POLL)

    def read_messages(self, graph_ids: Sequence[str], *, most_bytes: int) -> dict[str, Expected]:
        """Return several messages as `get_message` does, or why not, by message id: 20 in one call.

        A batch past `most_bytes` is given up: AnswerTooLarge for each of its messages.
        """
        requests = [
            SubRequest(str(number), "GET", f"{self._message(graph_id)}?{DELTA_QUERY}", headers=_HEADERS)
            for number, graph_id in enumerate(graph_ids)
        ]
        answers = self._graph.batch(requests, retry=POLL, most_bytes=most_bytes)
        return {graph_id: answers[str(number)] for number, graph_id in enumerate(graph_ids)}

    def read_meetings(self, graph_ids: Sequence[str], *, most_bytes: int) -> dict[str, Expected]:
        """Return several meeting messages with the fields of their own, or why not, by message id: 20 in one call.

        These fields come without $select only, which refuses their names (microsoft-graph-docs issue 2018).
        """
        requests = [
            SubRequest(str(number), "GET", self._message(graph_id), headers=_HEADERS)
            for number, graph_id in enumerate(graph_ids)
        ]
        answers = self._graph.batch(requests, retry=POLL, most_bytes=most_bytes)
        return {graph_id: answers[str(number)] for number, graph_id in enumerate(graph_ids)}

    def list_recent(self, folder: str, since: datetime) -> Iterator[list[Json]]:
        """Yield pages of {"id", "internetMessageId", "receivedDateTime"} of the mails received since a moment."""
        query = {
            "$filter": f"receivedDateTime ge {utc_text(since)}",
            "$select": "id,internetMessageId,receivedDateTime",
            "$top": "500",
        }
        return self._graph.pages(f"{self._folder(folder)}/messages", query=query, prefer=(_IMMUTABLE,), retry=POLL)

    def read_attachments(self, graph_ids: Sequence[str], *, most_bytes: int) -> dict[str, Expected]:
        """Return {"value": [attachments with their bytes]} of several messages, or why not, by message id.

        One batch for 20 messages. A batch past `most_bytes` is given up: AnswerTooLarge for each of its messages.
        """
        requests = [
            SubRequest(id=str(number), method="GET", path=f"{self._message(graph_id)}/attachments", headers=_HEADERS)
            for number, graph_id in enumerate(graph_ids)
        ]
        answers = self._graph.batch(requests, retry=POLL, most_bytes=most_bytes)
        return {graph_id: answers[str(number)] for number, graph_id in enumerate(graph_ids)}

    def list_attachments(self, graph_id: str) -> list[Json]:
        """Return the attachments of one message without their bytes: id, name, contentType, size, isInline, type."""
        query = {"$select": "id,name,contentType,size,isInline"}
        path = f"{self._message(graph_id)}/attachments"
        return [
            item for page in self._graph.pages(path, query=query, prefer=(_IMMUTABLE,), retry=POLL) for item in page
        ]

    def get_attachment(self, graph_id: str, attachment_id: str) -> Json:
        """Return one attachment with its bytes (`contentBytes`, Base64), as a list gives it."""
        path = f"{self._message(graph_id)}/attachments/{segment(url_safe(attachment_id))}"
        return self._graph.get(path, prefer=(_IMMUTABLE,), retry=POLL)

    @contextmanager
    def stream_attachment(self, graph_id: str, attachment_id: str) -> Iterator[Iterator[bytes]]:
        """Read an attachment's bytes as they come: a file as it is, an attached item as MIME, iCal or vCard."""
        path = f"{self._message(graph_id)}/attachments/{segment(url_safe(attachment_id))}/$value"
        with self._graph.stream(path, prefer=(_IMMUTABLE,)) as chunks:
            yield chunks

    @contextmanager
    def stream_mime(self, graph_id: str) -> Iterator[Iterator[bytes]]:
        """Read the whole message as MIME, which Exchange makes anew each time."""
        with self._graph.stream(f"{self._message(graph_id)}/$value", prefer=(_IMMUTABLE,)) as chunks:
            yield chunks

    def read_marks(self, graph_ids: Sequence[str]) -> dict[str, Expected]:
        """Return what people see of several messages and where they lie, with `@odata.etag`, 20 in one call."""
        fields = "$select=isRead,categories,parentFolderId"
        requests = [
            SubRequest(str(number), "GET", f"{self._message(graph_id)}?{fields}", headers=_HEADERS)
            for number, graph_id in enumerate(graph_ids)
        ]
        answers = self._graph.batch(requests, retry=POLL)
        return {graph_id: answers[str(number)] for number, graph_id in enumerate(graph_ids)}

    def set_values(self, changes: Sequence[MessageChange]) -> dict[str, GatewayError | None]:
        """PATCH several messages, 20 in one call; return by message id what went wrong, None for nothing."""
        headers = {"Prefer": f"{_IMMUTABLE}, return=minimal"}
        requests = [
            SubRequest(
                str(number),
                "PATCH",
                self._message(change.graph_id),
                change.values,
                headers | ({"If-Match": change.etag} if change.etag else {}),
            )
            for number, change in enumerate(changes)
        ]
        answers = self._graph.batch(requests, retry=SET_AGAIN)
        return {change.graph_id: _error(answers[str(number)]) for number, change in enumerate(changes)}

    def move(self, graph_ids: Sequence[str], folder: str) -> dict[str, GatewayError | None]:
        """Move several messages; after an unclear answer look where they are before moving again."""
        requests = [
            SubRequest(str(number), "POST", f"{self._message(graph_id)}/move", {"DestinationId": folder}, _HEADERS)
            for number, graph_id in enumerate(graph_ids)
        ]
        answers = self._graph.batch(requests, retry=MOVE)
        return {graph_id: _error(answers[str(number)]) for number, graph_id in enumerate(graph_ids)}

    def get_folder(self, folder: str) -> Json:
        """Return a folder's id and counts."""
        return self._graph.get(
            self._folder(folder), query={"$select": "id,displayName,totalItemCount,unreadItemCount"}, retry=POLL
        )

    def shows_immutable_ids(self, folder: str) -> bool | None:
        """Say whether a message shows another id when the immutable one is asked for; None for an empty folder."""
        query = {"$select": "id", "$top": "1"}
        items = self._graph.get(f"{self._folder(folder)}/messages", query=query, retry=POLL).get("value")
        if not isinstance(items, list) or not items:
            return None
        usual = str(items[0]["id"])
        asked = self._graph.get(self._message(usual), query={"$select": "id"}, prefer=(_IMMUTABLE,), retry=POLL)
        return asked.get("id") != usual

    def _folder(self, folder: str) -> str:
        return f"{self._root}/mailFolders/{segment(folder)}"

    def _message(self, graph_id: str) -> str:
        return f"{self._root}/messages/{segment(url_safe(graph_id))}"


def is_of_one_mail(error: GatewayError) -> bool:
    """Return whether an error may concern this mail alone, and not its mailbox or the whole gateway."""
    is_single = isinstance(error, (Refused, OutcomeUnknown)) and not isinstance(error, Forbidden)
    return is_single and error.code not in _OF_THE_MAILBOX


_HEADERS: Mapping[str, str] = {"Prefer": _IMMUTABLE}


def _error(answer: Expected) -> GatewayError | None:
    return answer if isinstance(answer, GatewayError) else None
