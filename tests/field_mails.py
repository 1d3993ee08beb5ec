"""Small mails that show what support mailboxes meet in the field: `tests/data/field-mails`; every name is invented.

The first letter of a name tells the subject: a attachments, c copies, e encrypted, m meetings, o automatic answers and
bounces, q quotations, s senders, t threads, z sizes. An `.eml` file is a mail as it was sent. A `.json` file describes
a mail that no small `.eml` could hold, as the body of `POST /_control/mail/mailboxes/{mailbox}/messages`.
"""

import json
from pathlib import Path
from typing import Any

from twin.mail.control import read_keywords

FOLDER = Path(__file__).with_name("data") / "field-mails"
NAMES = tuple(sorted(path.name for path in FOLDER.iterdir()))


def load_field_mail(name: str) -> dict[str, Any]:
    """Return the arguments with which a mailbox of the twin receives this mail: `mailbox.receive(**arguments)`."""
    data = (FOLDER / name).read_bytes()
    return {"eml": data} if name.endswith(".eml") else read_keywords(json.loads(data))
