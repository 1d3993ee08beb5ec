"""The permissions for each operation on mail.

Source: the permissions data behind the reference pages (microsoft-graph-devx-content, permissions.json). They list the
reading of one message and of attachments under Mail.Read only; that Mail.ReadWrite includes it is known and a switch.
"""

BASIC, READ, WRITE, SEND = "Mail.ReadBasic.All", "Mail.Read", "Mail.ReadWrite", "Mail.Send"
_DELEGATED_BASIC = "Mail.ReadBasic"

RULES = {
    "ListMessages": frozenset({BASIC, READ, WRITE}),
    "DeltaMessages": frozenset({BASIC, READ, WRITE}),
    "GetMessages": frozenset({BASIC, READ}),
    "UpdateMessages": frozenset({WRITE}),
    "DeleteMessages": frozenset({WRITE}),
    "MoveMessages": frozenset({WRITE}),
    "GetMessagesContent": frozenset({READ, WRITE}),
    "ListAttachments": frozenset({READ}),
    "GetAttachments": frozenset({READ, WRITE}),
    "GetAttachmentsContent": frozenset({READ, WRITE}),
    "ListMailFolders": frozenset({BASIC, READ, WRITE}),
    "GetMailFolders": frozenset({BASIC, READ, WRITE}),
}
_READ_ONLY = frozenset({"GetMessages", "ListAttachments"})


def is_allowed(operation: str, held: frozenset[str], *, readwrite_reads: bool) -> bool:
    """Return whether the permissions allow an operation."""
    names = {BASIC if name == _DELEGATED_BASIC else name for name in held}
    sufficient = RULES[operation]
    if readwrite_reads and operation in _READ_ONLY:
        sufficient |= {WRITE}
    return bool(sufficient & names)


def is_basic(held: frozenset[str]) -> bool:
    """Return whether the permissions hide bodies, attachments and extended properties."""
    return not {READ, WRITE} & held
