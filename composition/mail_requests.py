"""Does what the messages of the two mail queues ask for, whoever has taken them: a queue trigger or the timer."""

import logging
import time
import uuid
from typing import TYPE_CHECKING

from composition.services import services
from inbound_mail.messages import DeliveryRequest, PollRequest, share_requests
from shared import context
from shared.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from composition.mail import MailServices

_log = logging.getLogger("gateway.mail")

POLL_SECONDS = 240.0  # less than functionTimeout; the next poll does what this one has left undone
_SHARED_SECONDS = 30.0  # after which no further poll of one request begins: with the last one, less than the time-out


def poll_as_asked(request: PollRequest) -> None:
    """Poll the mailbox that a poll request names, or several, one after the other.

    If one of several takes long, the others are asked for again; if one fails, the others are polled before the error
    is raised.
    """
    began = time.monotonic()
    failures: list[Exception] = []
    for number, name in enumerate(request.mailboxes):
        if number and time.monotonic() - began > _SHARED_SECONDS:
            for left in share_requests(request.mailboxes[number:]):
                services().mail.polls.put(left)
            break
        try:
            _poll(name, request)
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)
    if failures:
        raise failures[0]


def _poll(name: str, request: PollRequest) -> None:
    mail = _find_settings(name)
    mailbox = mail.mailboxes.get(name)
    if mailbox is None:
        _log.warning("a poll request was dropped: the settings do not contain its mailbox")
        return
    with context.call(request.correlation_id or str(uuid.uuid4()), seconds=POLL_SECONDS):
        try:
            mail.poller.poll(mailbox, at_once=request.at_once)
        except (Conflict, Unavailable) as error:
            _log.warning("the poll of %s ended early, the next one continues: %s", mailbox.name, error)


def deliver_as_asked(request: DeliveryRequest) -> None:
    """Make one attempt of the delivery that a delivery request names."""
    mail = _find_settings(request.mailbox, request.sink)
    mailbox = mail.mailboxes.get(request.mailbox)
    if mailbox is None:  # its mail waits in the ledger: a poll enqueues it again when the mailbox is back
        _log.warning("a delivery request was dropped: the settings do not contain its mailbox")
        return
    if request.sink not in mail.sinks and mail.settings_state and mail.settings_state.trouble:
        _log.warning("a delivery request was dropped: it is not known whether its sink was removed from the settings")
        return
    mail.deliverer.deliver(mailbox, request.key, request.sink)


def _find_settings(mailbox: str, sink: str | None = None) -> "MailServices":
    """Return the use cases of mail for a mailbox and a sink of it.

    Settings in a blob are read again if they do not have them: another process may have read a newer version, and the
    request is from there.
    """
    used = services()
    return used.mail if used.mail.knows(mailbox, sink) else used.read_mail_again()
