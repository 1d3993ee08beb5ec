"""Checks the form of a mail address before it is put into a path of Graph."""

import re

_MAIL_ADDRESS = r"[^@\s/\\?#%\x00-\x1f]{1,64}@[A-Za-z0-9.-]{1,253}"


def is_mail_address(text: str) -> bool:
    """Return whether a text has the form of an SMTP address. A business is named by one, like a mailbox."""
    return bool(re.fullmatch(_MAIL_ADDRESS, text))
