"""The operations on support mailboxes, and the gateway's own state."""

from devkit.connector.operations import NEXT_LINK, PAGEABLE, Operation, body, describe, value_list
from devkit.connector.parameters import SINKS, query, shared
from devkit.connector.shapes import Shape, flag, list_of, ref, text, thing

_BOXES = "/mailboxes"
_ONE = f"{_BOXES}/{{mailbox}}"
_MAILS = f"{_ONE}/mails"
_MAIL = f"{_MAILS}/{{key}}"
_BYTES: Shape = {"type": "string", "format": "binary"}
_OCTETS = "application/octet-stream"  # certification knows no message/rfc822 (MimeTypeNotSupported)
_OTHER_BYTES = {
    206: "A part of the bytes, for the header Range.",
    303: "The file is too large for an answer: the header Location is a link to it, which lasts ten minutes.",
}
_QUEUED = text("Status", "That it is queued.", choices=("queued",), name="Queued")
_BY = text("Decided By", "Name of the person who decides, for the history of the mail.", visibility="advanced")
_STATES = {
    "quarantined": "In quarantine",
    "automatic": "Set aside as automatic",
    "rule": "Set aside by a rule",
    "thanks": "Set aside as thanks only",
    "loop": "Beyond the limits for one correspondent",
    "copy": "Set aside as a copy",
    "before-cutover": "Set aside as older than the beginning",
    "by-hand": "Set aside by a person",
}


def _decided(name: str, sinks: str, status: Shape) -> Shape:
    """Return what a decision about one mail answers; `sinks` says what the list of sinks is."""
    listed = list_of({"type": "string"}, "Sinks", sinks)
    shown = {"key": text("Mail Key", "Key of the mail."), "sinks": listed, "status": status}
    return thing(shown, name=name)


OPERATIONS: dict[str, dict[str, Operation]] = {
    _BOXES: {
        "get": describe(
            "ListSupportMailboxes",
            "List support mailboxes",
            "Lists the support mailboxes with their state: last success, lag, backlog and counters.",
            value_list("SupportMailbox", "Mailboxes", "The support mailboxes."),
            visibility="advanced",
        )
    },
    _ONE: {
        "get": describe(
            "GetSupportMailbox",
            "Get a support mailbox",
            "Gets the state of one support mailbox.",
            ref("SupportMailbox"),
            parameters=shared("Mailbox"),
            visibility="advanced",
        )
    },
    f"{_ONE}/poll": {
        "post": describe(
            "PollMailbox",
            "Read a support mailbox now",
            "Reads a support mailbox at once, even if it rests after a failure.",
            thing(
                {"mailbox": text("Mailbox", "Name of the mailbox that is read."), "status": _QUEUED}, name="QueuedPoll"
            ),
            answer_text="The poll is queued.",
            parameters=shared("Mailbox"),
            writes=True,
            visibility="advanced",
        )
    },
    _MAILS: {
        "get": describe(
            "ListMails",
            "List support mails",
            "Lists the mails of a support mailbox in the order in which they were read, with their tickets.",
            value_list(
                "Mail",
                "Mails",
                "The mails.",
                cursor=text("Cursor", "Keep it and pass it later to get the changes since this answer.",
                            visibility="advanced"),
                nextLink=NEXT_LINK,
            ),
            parameters=[
                *shared("Mailbox"),
                query("state", "State", "Only mails in quarantine, or those that were set aside for this reason.",
                      enum=list(_STATES),
                      extra={"x-ms-enum-values": [{"value": value, "displayName": shown}
                                                  for value, shown in _STATES.items()]}),
                *shared("MailPageSize", "CursorKept"),
            ],
            x_ms_pageable=PAGEABLE,
        )
    },
    _MAIL: {
        "get": describe(
            "GetMail",
            "Get a support mail",
            "Gets one mail with headers, body, list of attachments and deliveries.",
            ref("WholeMail"),
            parameters=shared("Mailbox", "MailKey"),
        )
    },
    f"{_MAIL}/attachments/{{number}}": {
        "get": describe(
            "GetMailAttachment",
            "Get an attachment of a support mail",
            "Gets the bytes of an attachment of 32 MiB at most; get a link to a larger one.",
            _BYTES,
            answer_text="The bytes of the attachment.",
            also=_OTHER_BYTES,
            parameters=shared("Mailbox", "MailKey", "AttachmentNumber"),
            produces=[_OCTETS],
        )
    },
    f"{_MAIL}/attachments/{{number}}/link": {
        "get": describe(
            "GetMailAttachmentLink",
            "Get a link to an attachment of a support mail",
            "Gets a link to an attachment of any size. It lasts ten minutes and can be opened without a key.",
            ref("FileLink"),
            answer_text="The link.",
            parameters=shared("Mailbox", "MailKey", "AttachmentNumber"),
            visibility="advanced",
        )
    },
    f"{_MAIL}/eml": {
        "get": describe(
            "ExportMail",
            "Export a support mail as a file",
            "Gets a mail of 32 MiB at most as a file in MIME format, while it is in the mailbox.",
            _BYTES,
            answer_text="The mail as a file.",
            also=_OTHER_BYTES,
            parameters=shared("Mailbox", "MailKey"),
            produces=[_OCTETS],
            visibility="advanced",
        )
    },
    f"{_MAIL}/eml/link": {
        "get": describe(
            "ExportMailLink",
            "Get a link to a support mail as a file",
            "Gets a link to the mail as a file in MIME format. It lasts ten minutes and can be opened without a key.",
            ref("FileLink"),
            answer_text="The link.",
            parameters=shared("Mailbox", "MailKey"),
            visibility="advanced",
        )
    },
    f"{_MAIL}/redeliver": {
        "post": describe(
            "RedeliverMail",
            "Deliver a support mail again",
            "Repeats deliveries that are in quarantine; an existing ticket is found and not created twice.",
            _decided("QueuedDelivery", "The sinks to which it is delivered.", _QUEUED),
            answer_text="The deliveries are queued.",
            parameters=[
                *shared("Mailbox", "MailKey"),
                body(
                    thing(
                        {
                            "sink": text("Sink", "Name of one sink; leave empty for all.", **SINKS),
                            "by": _BY,
                            "reason": text("Reason", "Why, for the history of the mail.", visibility="advanced"),
                        },
                        name="Redelivery",
                    ),
                    required=False,
                ),
            ],
            writes=True,
            visibility="advanced",
        )
    },
    f"{_MAIL}/deliver": {
        "post": describe(
            "DeliverMail",
            "Deliver a support mail by hand",
            "Delivers a mail now that waits, failed or was set aside: as usual, to another sink, or to a ticket.",
            _decided("QueuedDelivery", "The sinks to which it is delivered.", _QUEUED),
            answer_text="The delivery is queued.",
            parameters=[
                *shared("Mailbox", "MailKey"),
                body(
                    thing(
                        {
                            "sink": text("Sink", "Name of the sink; leave empty for the usual one.", **SINKS),
                            "ticket": text("Ticket", "Number of a ticket, to add the mail to it."),
                            "insteadOf": text(
                                "Instead Of", "Sink that shall not get it, if there are several.", visibility="advanced"
                            ),
                            "isNotThere": flag(
                                "Is Not There",
                                "Whether somebody has looked where the gateway cannot ask, and did not find the mail.",
                                visibility="advanced",
                            ),
                            "by": _BY,
                            "reason": text("Reason", "Why, for the history of the mail."),
                        },
                        name="DeliveryByHand",
                    ),
                    required=False,
                ),
            ],
            writes=True,
            visibility="advanced",
        )
    },
    f"{_MAIL}/set-aside": {
        "post": describe(
            "SetMailAside",
            "Set a support mail aside",
            "Sets a mail aside for good that waits or failed, with a reason; it can still be delivered by hand.",
            _decided(
                "MailSetAside",
                "The sinks to which it is not delivered.",
                text("Status", "That it is set aside.", choices=("set-aside",)),
            ),
            parameters=[
                *shared("Mailbox", "MailKey"),
                body(
                    thing(
                        {
                            "reason": text("Reason", "Why nobody needs this mail."),
                            "sink": text("Sink", "Name of one sink; leave empty for all.", **SINKS),
                            "by": _BY,
                        },
                        name="SettingAside",
                        required=["reason"],
                    )
                ),
            ],
            writes=True,
            visibility="advanced",
        )
    },
    "/status": {
        "get": describe(
            "GetGatewayStatus",
            "Get the state of the gateway",
            "Gets alarms, mailboxes, sinks, expiring credentials and the number of waiting messages.",
            ref("GatewayStatus"),
            visibility="advanced",
        )
    },
}  # fmt: skip
