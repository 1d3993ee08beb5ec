"""Runs in the foreign environment: reads a mailbox through python-o365, prints what it saw as JSON.

Arguments: tenant, client id, mailbox, folder for attachments; the client secret comes in the variable FOREIGN_SECRET.
"""
# mypy: ignore-errors
# ruff: noqa: T201 - a script that prints its result

import json
import os
import sys
from pathlib import Path
from typing import Any

from O365 import Account
from O365.utils.token import MemoryTokenBackend


def read(message: Any, target: Path) -> dict[str, Any]:
    """Read one message with its attachments, then mark it as read."""
    message.attachments.download_attachments()
    target.mkdir()
    saved = {}
    for attachment in message.attachments:
        if attachment.attachment_type == "file" and attachment.content:
            attachment.save(target)
            saved[attachment.name] = (target / attachment.name).stat().st_size
    was_read = message.is_read
    if not was_read:
        message.mark_as_read()
    return {
        "id": message.object_id,
        "subject": message.subject,
        "sender": message.sender.address,
        "to": [one.address for one in message.to],
        "received": message.received.isoformat(),
        "body": message.get_body_text(),
        "attachments": sorted(one.name for one in message.attachments),
        "saved": saved,
        "was_read": was_read,
    }


def main(tenant: str, client_id: str, mailbox_address: str, folder: str) -> None:
    """Sign in as the app, walk the inbox in pages, move one mail."""
    account = Account(
        (client_id, os.environ["FOREIGN_SECRET"]),
        auth_flow_type="credentials",
        tenant_id=tenant,
        main_resource=mailbox_address,
        token_backend=MemoryTokenBackend(),
    )
    signed_in = account.authenticate()
    mailbox = account.mailbox()
    inbox = mailbox.inbox_folder()
    messages = list(inbox.get_messages(limit=None, batch=5))
    seen = [read(message, Path(folder, str(number))) for number, message in enumerate(messages)]
    unread = inbox.get_messages(limit=25, query="isRead eq false")
    left = [message.subject for message in unread]
    archive = mailbox.get_folder(folder_name="Archive")
    moved = messages[0].move(archive)
    mime = messages[1].get_mime_content()
    print(
        json.dumps(
            {
                "signed_in": signed_in,
                "messages": seen,
                "unread": left,
                "folders": sorted(one.name for one in mailbox.get_folders(limit=50)),
                "moved": moved,
                "archived": [one.subject for one in archive.get_messages()],
                "mime": len(mime or b""),
            },
        ),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
