"""The gateway's own use cases in a process of their own, see `bench.stage`: `poll NAME`, `skip NAME` and so on.

With `--in-memory` the mail side's storage is a stand-in in this process: what is left is the work for Graph.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bench.memory_storage import MemoryContainer, MemoryQueue, MemoryTable
from composition.mail import MailServices
from composition.services import services
from inbound_mail.intake.polling import Poller
from inbound_mail.ledger.ledger import DeliveryState, Ledger, OpenMail
from inbound_mail.ledger.mail_store import MailStore
from inbound_mail.support_mailbox import SupportMailbox


class Driver:
    """Does what the commands say."""

    def __init__(self, mail: MailServices) -> None:
        self._mail = mail

    def poll(self, name: str) -> str:
        """Poll a mailbox, as the timer would."""
        return self._mail.poller.poll(self._mail.mailboxes[name], at_once=True).value

    def skip(self, name: str) -> int:
        """Note every waiting delivery as done, without doing it."""
        mailbox, now = self._mail.mailboxes[name], datetime.now(UTC)
        waiting = list(_waiting(mailbox))
        mailbox.ledger.merge_open(
            [(mail.key, mailbox.ledger.part(sink, DeliveryState.DELIVERED, now, "T-1")) for mail, sink in waiting]
        )
        return len(waiting)

    def deliver(self, name: str) -> list[str]:
        """Deliver what waits, one after the other."""
        mailbox = self._mail.mailboxes[name]
        waiting = list(_waiting(mailbox))
        return [str(self._mail.deliverer.deliver(mailbox, mail.key, sink)) for mail, sink in waiting]

    def read(self, name: str) -> list[list[Any]]:
        """Read all attachments back in chunks; returns [size, digest as read, digest as noted] of each."""
        mailbox = self._mail.mailboxes[name]
        found = []
        for row in mailbox.ledger.table.query(name, start="m|", end="m}"):
            stored = mailbox.store.load(row.row_key[2:])
            for one in stored.attachments if stored else ():
                digest, size = hashlib.sha256(), 0
                for chunk in mailbox.store.open(one):
                    digest.update(chunk)
                    size += len(chunk)
                found.append([size, digest.hexdigest(), one.sha256])
        return found


def _waiting(mailbox: SupportMailbox) -> Iterator[tuple[OpenMail, str]]:
    for mail in mailbox.ledger.open_mails():
        for name, value in mail.values.items():
            if name.startswith("state_") and value == DeliveryState.WAITING:
                yield mail, name.removeprefix("state_").replace("_", "-")


def keep_in_memory(mail: MailServices) -> MailServices:
    """Return the mail side with storage that is none."""
    table: Any = MemoryTable()
    container: Any = MemoryContainer()
    queue: Any = MemoryQueue()
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
    """Obey until stdin ends. An answer has "wall" and "cpu" in seconds and the "result"."""
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
