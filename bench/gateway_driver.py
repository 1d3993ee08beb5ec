"""Runs the gateway's own use cases in a process of their own, see `bench.harness`: `poll NAME`, `skip NAME` and so on.

With `--in-memory` the ledger, the mails and the queue are kept in this process: what is measured is the work for Graph.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from composition.mail import MailServices
from composition.services import services
from devkit.memory_storage import MemoryContainer, MemoryQueue, MemoryTable
from inbound_mail.intake.polling import Poller
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.mail_store import MailStore
from inbound_mail.ledger.records import DeliveryState
from inbound_mail.messages import DeliveryQueue
from inbound_mail.support_mailbox import SupportMailbox


class Driver:
    """Runs the commands."""

    def __init__(self, mail: MailServices) -> None:
        self._mail = mail

    def poll(self, name: str) -> str:
        """Poll a mailbox."""
        return self._mail.poller.poll(self._mail.mailboxes[name], at_once=True).value

    def skip(self, name: str) -> int:
        """Mark every waiting delivery as done, without doing it; return how many."""
        mailbox = self._mail.mailboxes[name]
        waiting = list(_waiting(mailbox))
        mailbox.ledger.delivery_rows.pretend_delivered(waiting, "T-1")
        return len(waiting)

    def deliver(self, name: str) -> list[str]:
        """Deliver what waits, one after the other."""
        mailbox = self._mail.mailboxes[name]
        return [str(self._mail.deliverer.deliver(mailbox, key, sink)) for key, sink in list(_waiting(mailbox))]

    def read(self, name: str) -> list[list[Any]]:
        """Read all attachments back in chunks; returns [size, digest as read, digest as noted] of each."""
        mailbox = self._mail.mailboxes[name]
        found = []
        for mail in mailbox.ledger.mails():
            stored = mailbox.store.load(mail.key)
            for one in stored.attachments if stored else ():
                digest, size = hashlib.sha256(), 0
                for chunk in mailbox.store.open(one):
                    digest.update(chunk)
                    size += len(chunk)
                found.append([size, digest.hexdigest(), one.sha256])
        return found


def _waiting(mailbox: SupportMailbox) -> Iterator[tuple[str, str]]:
    """Yield (key, sink) of the deliveries that wait."""
    for mail in mailbox.ledger.open_mails():
        for delivery in mail.deliveries:
            if delivery.state is DeliveryState.WAITING:
                yield mail.key, delivery.sink


def keep_in_memory(mail: MailServices) -> MailServices:
    """Return the mail services with storage in memory."""
    table: Any = MemoryTable()
    container: Any = MemoryContainer()
    queue = DeliveryQueue(MemoryQueue())
    mailboxes = {
        name: replace(
            mailbox,
            ledger=Ledger(table, name),
            store=MailStore(container, name, mailbox.settings.address),
        )
        for name, mailbox in mail.mailboxes.items()
    }
    return replace(mail, mailboxes=mailboxes, table=table, poller=Poller(container, queue, mail.workers))


def main(flags: list[str]) -> None:
    """Run commands until stdin ends. An answer has "wall" and "cpu" in seconds and the "result"."""
    mail = services().mail
    if "--in-memory" in flags:
        mail = keep_in_memory(mail)
    driver = Driver(mail)
    for line in sys.stdin:
        word, name = line.split()
        command: Callable[[str], Any] = getattr(driver, word)
        began, used = time.perf_counter(), time.process_time()
        result = command(name)
        spent = {"wall": time.perf_counter() - began, "cpu": time.process_time() - used}
        print(json.dumps(spent | {"result": result}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
