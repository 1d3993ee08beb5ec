"""python-o365 in a foreign environment, see `bench.harness`: `read ADDRESS` lists, saves attachments, marks as read.

Arguments: tenant, client id, folder for attachments; the client secret comes in the variable FOREIGN_SECRET.
"""
# mypy: ignore-errors

import json
import os
import sys
import time
from pathlib import Path

from O365 import Account
from O365.utils.token import MemoryTokenBackend


def read(account: Account, address: str, folder: Path) -> int:
    """Read a mailbox as the documentation of python-o365 shows; return the number of mails."""
    inbox = account.mailbox(resource=address).inbox_folder()
    number = 0
    for message in inbox.get_messages(limit=None, batch=999):
        number += 1
        if message.has_attachments:
            message.attachments.download_attachments()
            target = folder / address / str(number)
            target.mkdir(parents=True)
            for attachment in message.attachments:
                attachment.save(target)
        if not message.is_read:
            message.mark_as_read()
    return number


def main(tenant: str, client_id: str, folder: str) -> None:
    """Sign in as the app and run commands until stdin ends."""
    account = Account(
        (client_id, os.environ["FOREIGN_SECRET"]),
        auth_flow_type="credentials",
        tenant_id=tenant,
        token_backend=MemoryTokenBackend(),
        requests_delay=0,  # it would wait 200 ms between any two requests
    )
    account.authenticate()
    for line in sys.stdin:
        _, address = line.split()
        began, used = time.perf_counter(), time.process_time()
        result = read(account, address, Path(folder))
        spent = {"wall": time.perf_counter() - began, "cpu": time.process_time() - used}
        print(json.dumps(spent | {"result": result}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
