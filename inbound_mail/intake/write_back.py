"""Closing mails: when every sink is done, the mailbox is told what people see there (read, category, folder).

These are effects for people and never the record of "done": that is the ledger. An app without the right to write goes
on without them.
"""

import logging
from collections.abc import Mapping, Sequence

from inbound_mail.ledger.ledger import DeliveryState, MailState, OpenMail, Phase
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import Forbidden, GatewayError, NotFound
from shared.events import Event, log_event
from shared.graph.mail import MessageChange, is_of_one_mail
from shared.json_text import Json
from shared.storage.blobs import Lease

_log = logging.getLogger("gateway.mail")

_GROUP = 20
_TRIES = 10


class Settler:
    """Closes the mails of one mailbox, for the holder of its lease."""

    def __init__(self, mailbox: SupportMailbox, *, is_well: bool = True) -> None:
        """`is_well`: the mailbox answered, when it was polled last."""
        self._settings = mailbox.settings
        self._graph = mailbox.graph
        self._ledger = mailbox.ledger
        self._wish = mailbox.settings.write_back
        self._is_well = is_well

    def settle(self, mails: Sequence[OpenMail], lease: Lease) -> dict[MailState, int]:
        """Write back and close what is done; return how many were closed in which state.

        Raises what stops the mailbox as a whole, after closing what can be closed.
        """
        delivered: list[OpenMail] = []
        quarantined: list[OpenMail] = []
        for mail in mails:
            states = states_of(mail)
            if mail.phase is Phase.DELIVER and states and all(state.is_final for state in states):
                (quarantined if DeliveryState.QUARANTINED in states else delivered).append(mail)
        closed = {MailState.QUARANTINED: self._ledger.close([(mail, MailState.QUARANTINED) for mail in quarantined])}
        closed[MailState.DELIVERED] = 0
        stopped: GatewayError | None = None
        for start in range(0, len(delivered), _GROUP if self._wish.is_wanted else max(1, len(delivered))):
            lease.check()
            group = delivered[start : start + _GROUP] if self._wish.is_wanted else delivered
            done, stopped = self._write_back(group) if self._wish.is_wanted else (group, None)
            # Nobody else changes a mail whose sinks are all done and none in quarantine.
            closed[MailState.DELIVERED] += self._ledger.close(
                [(mail, MailState.DELIVERED) for mail in done], guarded=False
            )
            if stopped:
                raise stopped
        return closed

    def _write_back(self, mails: Sequence[OpenMail]) -> tuple[list[OpenMail], GatewayError | None]:
        """Return the mails that need no more, and the error that stops the others."""
        results: dict[str, GatewayError | None] = {mail.graph_id: None for mail in mails}
        marks: dict[str, Json] = {}
        unseen = [mail.graph_id for mail in mails if self._wish.category or mail.values.get("moving")]
        for graph_id, answer in (self._graph.read_marks(unseen) if unseen else {}).items():
            if isinstance(answer, GatewayError):
                results[graph_id] = answer
            else:
                marks[graph_id] = answer
        changes = [
            change
            for mail in mails
            if results[mail.graph_id] is None and (change := self._change(mail, marks.get(mail.graph_id)))
        ]
        results |= self._graph.set_values(changes) if changes else {}
        if self._wish.move_to:
            results |= self._move([mail for mail in mails if results[mail.graph_id] is None], marks, self._wish.move_to)
        if any(isinstance(error, Forbidden) for error in results.values()):
            log_event(Event.WRITE_BACK_DENIED, mailbox=self._settings.name)
        done, stopped = [], None
        for mail in mails:
            error = results[mail.graph_id]
            if error is None or isinstance(error, Forbidden):
                done.append(mail)
            elif not is_of_one_mail(error):
                stopped = error
            elif isinstance(error, NotFound) or self._is_spent(mail, error):
                done.append(mail)
        return done, stopped

    def _is_spent(self, mail: OpenMail, error: GatewayError) -> bool:
        """Count a failure that is this mail's own, as far as one can tell: in a mailbox that fails, none is."""
        tries = int(mail.values.get("write_tries", 0)) + self._is_well
        _log.warning("%s: write-back of mail %s failed (%d): %s", self._settings.name, mail.key, tries, error)
        if tries < _TRIES:
            self._ledger.merge_open([(mail.key, {"write_tries": tries})])
        return tries >= _TRIES

    def _change(self, mail: OpenMail, marks: Json | None) -> MessageChange | None:
        """Return what is to be set on a mail; None where it is so already, as far as that was looked up."""
        values: Json = {"isRead": True} if self._wish.read else {}
        if self._wish.category and marks is not None:
            # Categories are replaced as a whole, so what a colleague set must be among them.
            name = self._wish.category.replace("{ticket}", ", ".join(mail.tickets)).strip()
            known = marks.get("categories") or []
            values["categories"] = list(dict.fromkeys([*known, name])) if name else known
        if marks is None:
            return MessageChange(mail.graph_id, values) if values else None
        differing = {name: value for name, value in values.items() if marks.get(name) != value}
        etag = marks.get("@odata.etag") if "categories" in differing else None
        return MessageChange(mail.graph_id, differing, etag) if differing else None

    def _move(
        self, mails: Sequence[OpenMail], marks: Mapping[str, Json], folder: str
    ) -> dict[str, GatewayError | None]:
        """Move what was not moved yet: a move may have happened without our knowing, and is not to be repeated."""
        waiting = [
            mail
            for mail in mails
            if not mail.values.get("moving") or marks[mail.graph_id].get("parentFolderId") == mail.values["folder_id"]
        ]
        if not waiting:
            return {}
        self._ledger.merge_open([(mail.key, {"moving": True}) for mail in waiting if not mail.values.get("moving")])
        results = self._graph.move([mail.graph_id for mail in waiting], folder)
        lost = sum(1 for error in results.values() if isinstance(error, NotFound))
        if lost:
            _log.warning("%s: %d mails were not moved: they or the folder are gone", self._settings.name, lost)
        # What could be changed just now and cannot be moved lacks its target: no reason to stop a mailbox.
        return {graph_id: None if isinstance(error, NotFound) else error for graph_id, error in results.items()}


def states_of(mail: OpenMail) -> list[DeliveryState]:
    """Return how far each sink of a mail is."""
    return [DeliveryState(value) for name, value in mail.values.items() if name.startswith("state_")]
