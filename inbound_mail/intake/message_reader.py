"""Reads mails by their ids: twenty in one call, and singly those that are too large for that.

Nothing that one mail causes stops the reading of the others: such a mail is read again by the next polls, and set aside
if it cannot be read at all. Then its headers are entered, and its deliveries go to quarantine.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from inbound_mail.content.meetings import is_meeting, pick_fields
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import AnswerTooLarge, GatewayError, NotFound, Rejected
from shared.graph.mail import is_of_one_mail
from shared.json_text import Json

_log = logging.getLogger("gateway.mail")

_GROUP = 20
_MOST_BYTES_AT_ONCE = 12 * 1024 * 1024
_TRIES = 3


@dataclass
class ReadMails:
    """What became of ids that were read.

    `whole`: messages. `aside`: messages without body, and why (code and message). `gone`: how many do not exist.
    `unread`: ids that the next poll reads again, and how often that has failed.
    """

    whole: list[Json] = field(default_factory=list)
    aside: list[tuple[Json, tuple[str, str]]] = field(default_factory=list)
    gone: int = 0
    unread: dict[str, int] = field(default_factory=dict)


class MessageReader:
    """Reads mails of one mailbox."""

    def __init__(self, mailbox: SupportMailbox) -> None:
        self._mailbox = mailbox
        self._name = mailbox.settings.name
        self._graph = mailbox.graph

    def read(self, graph_ids: Sequence[str], tries: Mapping[str, int], headers: Mapping[str, Json]) -> ReadMails:
        """Read mails. `tries`: how often it has failed; `headers`: messages without body, as far as they are known.

        Raises the error that stops the whole mailbox.
        """
        found = ReadMails()
        for graph_id, answer in self._read_answers(graph_ids).items():
            if isinstance(answer, dict):
                found.whole.append(answer)
            elif isinstance(answer, NotFound):
                found.gone += 1
            else:
                _log.warning("%s: a mail cannot be read (yet): %s", self._name, answer)
                self._decide(graph_id, answer, tries.get(graph_id, 0) + 1, headers.get(graph_id), found)
        return found

    def add_meeting_fields(self, messages: Sequence[Json]) -> list[Json]:
        """Return the messages; meeting messages with the fields of their own, as far as Graph gives them.

        Other messages cost no request. Raises the error that stops the whole mailbox.
        """
        waiting = [str(one["id"]) for one in messages if is_meeting(one) and not pick_fields(one)]
        fields: dict[str, Json] = {}
        for start in range(0, len(waiting), _GROUP):
            group = waiting[start : start + _GROUP]
            for graph_id, answer in self._graph.read_meetings(group, most_bytes=_MOST_BYTES_AT_ONCE).items():
                if isinstance(answer, dict):
                    fields[graph_id] = pick_fields(answer)
                elif is_of_one_mail(answer):
                    _log.warning("%s: the fields of a meeting cannot be read: %s", self._name, answer)
                else:
                    raise answer
        return [one | fields.get(str(one["id"]), {}) for one in messages]

    def _read_answers(self, graph_ids: Sequence[str]) -> dict[str, Json | GatewayError]:
        if len(graph_ids) == 1:
            return {graph_ids[0]: self._read_one(graph_ids[0])}
        answers = self._graph.read_messages(graph_ids, most_bytes=_MOST_BYTES_AT_ONCE) if graph_ids else {}
        for graph_id, answer in answers.items():
            if isinstance(answer, AnswerTooLarge):
                answers[graph_id] = self._read_one(graph_id)
            elif isinstance(answer, GatewayError) and not is_of_one_mail(answer):
                raise answer
        return answers

    def _read_one(self, graph_id: str, *, with_body: bool = True) -> Json | GatewayError:
        """Return a message, or the error if only this one cannot be read. Raises other errors."""
        try:
            return self._graph.get_message(graph_id, with_body=with_body)
        except GatewayError as error:
            if not is_of_one_mail(error):
                raise
            return error

    def _decide(self, graph_id: str, error: GatewayError, tries: int, headers: Json | None, found: ReadMails) -> None:
        """Leave a mail to the next poll, or set it aside: at once if it is too large, else after the third poll."""
        is_too_large = isinstance(error, AnswerTooLarge)
        known: Json | GatewayError | None = headers
        if known is None and (is_too_large or tries >= _TRIES):
            known = self._read_one(graph_id, with_body=False)
        if isinstance(known, NotFound):
            found.gone += 1
        elif isinstance(known, dict) and (is_too_large or tries >= _TRIES):
            found.aside.append(self._set_aside(known, is_too_large=is_too_large))
        else:
            found.unread[graph_id] = tries

    def _set_aside(self, headers: Json, *, is_too_large: bool) -> tuple[Json, tuple[str, str]]:
        key = self._mailbox.key(str(headers["id"]))
        where = f"Find the whole mail in the mailbox, or at GET mailboxes/{self._name}/mails/{key}/eml."
        if is_too_large:
            cause = Rejected(f"The text of this mail is too large for the gateway. {where}", code="MailTooLarge")
        else:
            sentence = f"Microsoft Graph did not send the text of this mail in {_TRIES} polls. {where}"
            cause = Rejected(sentence, code="MailUnreadable")
        # If a person has it delivered all the same, the ticket says where the text is.
        return headers | {"body": {"contentType": "text", "content": cause.message}}, (cause.code, cause.message)
