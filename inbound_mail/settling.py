"""Closing mails: when every sink is done, the mailbox is told what people see there (read, category, folder).

These are effects for people and never the record of "done": that is the ledger. An app without the right to write goes
on without them.
"""

import logging
from collections.abc import Sequence
from typing import Any

from inbound_mail.desk import Desk
from inbound_mail.ledger import DeliveryState, MailState, OpenMail, Phase
from shared.blobs import Lease
from shared.errors import Forbidden, GatewayError, NotFound, Refused
from shared.events import Event, tell
from shared.graph.mail import Change

_log = logging.getLogger("gateway.mail")

_GROUP = 20
_TRIES = 10


class Settler:
    """Closes the mails of one mailbox, for the holder of its lease."""

    def __init__(self, desk: Desk) -> None:
        self._mailbox = desk.mailbox
        self._graph = desk.graph
        self._ledger = desk.ledger
        self._wish = desk.mailbox.write_back

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
        changes = [Change(mail.graph_id, values) for mail in mails if (values := self._values(mail))]
        results: dict[str, GatewayError | None] = {mail.graph_id: None for mail in mails}
        results |= self._graph.set_values(changes) if changes else {}
        if self._wish.move_to:
            results |= self._move([mail for mail in mails if results[mail.graph_id] is None], self._wish.move_to)
        done, stopped = [], None
        if any(isinstance(error, Forbidden) for error in results.values()):
            tell(Event.WRITE_BACK_DENIED, mailbox=self._mailbox.name)
        for mail in mails:
            error = results[mail.graph_id]
            if error is None or isinstance(error, (NotFound, Forbidden)) or self._is_spent(mail, error):
                done.append(mail)
            elif not isinstance(error, Refused):
                stopped = error
        return done, stopped

    def _is_spent(self, mail: OpenMail, error: GatewayError) -> bool:
        tries = int(mail.values.get("write_tries", 0)) + 1
        _log.warning("%s: write-back of mail %s failed (%d): %s", self._mailbox.name, mail.key, tries, error)
        if tries < _TRIES:
            self._ledger.merge_open([(mail.key, {"write_tries": tries})])
        return tries >= _TRIES

    def _values(self, mail: OpenMail) -> dict[str, Any]:
        values: dict[str, Any] = {"isRead": True} if self._wish.read else {}
        if self._wish.category:
            # Categories are replaced as a whole.
            name = self._wish.category.replace("{ticket}", ", ".join(mail.tickets)).strip()
            values["categories"] = list(dict.fromkeys([*mail.categories, name]))
        return values

    def _move(self, mails: Sequence[OpenMail], folder: str) -> dict[str, GatewayError | None]:
        """Move what was not moved yet: a move may have happened without our knowing, and is not to be repeated."""
        results: dict[str, GatewayError | None] = {}
        waiting = []
        for mail in mails:
            if not mail.values.get("moving"):
                waiting.append(mail)
                continue
            try:
                is_there = self._graph.get_message(mail.graph_id).get("parentFolderId") == mail.values["folder_id"]
            except GatewayError as error:
                results[mail.graph_id] = error
            else:
                results[mail.graph_id] = None
                waiting += [mail] if is_there else []
        if waiting:
            self._ledger.merge_open([(mail.key, {"moving": True}) for mail in waiting])
            results |= self._graph.move([mail.graph_id for mail in waiting], folder)
        return results


def states_of(mail: OpenMail) -> list[DeliveryState]:
    """Return how far each sink of a mail is."""
    return [DeliveryState(value) for name, value in mail.values.items() if name.startswith("state_")]
