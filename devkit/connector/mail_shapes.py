"""What mails, deliveries and tickets look like in the gateway's answers."""

from devkit.connector.shapes import (
    Shape,
    flag,
    keep_in_view,
    list_of,
    moment,
    ref,
    text,
    texts_by_name,
    thing,
    whole,
)
from inbound_mail.content.belonging import Proof
from inbound_mail.content.files import Omission
from inbound_mail.reports.mail_story import EVENTS


def _person(title: str, whose: str, *, is_in_view: bool = False) -> Shape:
    names = {
        "name": text(f"{title} Name", f"Name of {whose}.", null=True),
        "address": text(f"{title} Address", f"Mail address of {whose}.", null=True),
    }
    shown = "name address" if is_in_view else None
    return thing(
        {"emailAddress": thing(names, name="EmailAddress", null=True, in_view=shown, visibility="advanced")},
        name="Recipient",
        null=True,
        visibility="advanced",
    )


def _people(title: str, whose: str, description: str) -> Shape:
    return list_of(_person(title, whose, is_in_view=True), f"{title} List", description, null=True)


_EVERYTHING: dict[str, Shape] = {
    "key": text("Mail Key", "What the gateway calls the mail, for later actions."),
    "subject": text("Subject", "Subject of the mail.", null=True),
    "from": text("From", "Mail address of the author.", null=True),
    "sender": text("Sent By", "Mail address of who sent it for the author. Only if it is somebody else."),
    "replyTo": list_of(
        {"type": "string"}, "Answer To", "Mail addresses to which answers go. Only if they are not the author's."
    ),
    "receivedDateTime": moment("Received Time", "When Exchange received it, in UTC.", null=True),
    "folder": text("Folder", "The folder in which it was read.", null=True),
    "state": text(
        "State",
        "How far it is: waiting, delivered or quarantined; skipped or gone for mails that were not taken.",
    ),
    "reference": text("Reference", "The reference by which the ticket can be found in the service desk."),
    "number": whole("Place in Mailbox", "Its place in the order of the mailbox.", null=True),
    "messageId": text("Message ID", "The mail's own id, as its header tells it.", null=True),
    "conversationId": text("Conversation ID", "Id of the conversation in Exchange.", null=True),
    "screening": thing(
        {
            "mayReply": flag("May Reply", "Whether an automatic answer may be sent: no machine wrote the mail."),
            "makesTicket": flag("Makes Ticket", "Whether it is worth a ticket: no automatic answer and no report."),
            "isBounce": flag("Bounce", "Whether it reports that another mail could not be delivered."),
            "evidence": list_of({"type": "string"}, "Evidence", "What the decisions rest on, as sentences."),
        },
        description="What the gateway decided about the mail; empty for mails that an older version read.",
        name="Screening",
        null=True,
        in_view="mayReply makesTicket isBounce",
        visibility="advanced",
    ),
    "rule": thing(
        {
            "name": text("Rule Name", "Name of the rule in the gateway's settings."),
            "sink": text("Rule Sink", "The sink to which the rule sends the mail."),
            "catalogEntry": text("Catalog Entry", "Catalog entry that the rule sets."),
            "urgency": whole("Urgency", "Urgency that the rule sets, by its id."),
            "customFields": texts_by_name("Custom Fields", "Custom columns that the rule sets, and their texts."),
            "takesAutomatic": flag("Takes Automatic", "Whether the rule makes tickets of automatic mails, too."),
            "requestor": text("Requestor Policy", "Who becomes the requestor: from, reply-to or forwarded."),
            "setAside": text("Set Aside Because", "Why the rule sets the mail aside."),
        },
        description="The rule that matched the mail when it was read, with what it sets. Only for mails that a rule "
        "matched.",
        name="MatchedRule",
        in_view="name",
        visibility="advanced",
    ),
    "deliveries": list_of(ref("Delivery"), "Deliveries", "One for each sink: where the mail goes, and how far it is."),
    "copyOf": text("Copy Of", "Key of the mail of which it is a copy. Only for copies."),
    "reason": text("Reason", "Why it was not taken: copy, before-cutover or by-hand. Only for skipped mails."),
}
MAIL = keep_in_view(
    _EVERYTHING,
    "key subject from receivedDateTime folder state reference messageId conversationId screening rule deliveries",
)
CONTENT: dict[str, Shape] = {
    "text": text("Text", "The whole text of the mail, without HTML.", null=True),
    "html": text(
        "Clean HTML", "The text as HTML without scripts and remote pictures; empty for plain text.", null=True
    ),
}
MAILBOX_NAME = text("Mailbox", "Name of the mailbox in the gateway's settings.")
EVENT: dict[str, Shape] = {
    "eventId": text("Event ID", "Stays the same if the event is delivered again, so a flow can ignore it."),
    "mailbox": MAILBOX_NAME,
}
OCCURRED = moment("Event Time", "When it happened, in UTC.")

DEFINITIONS: dict[str, Shape] = {
    "Recipient": _person("Person", "a person"),
    "Delivery": thing(
        {
            "sink": text("Sink", "Name of the sink in the gateway's settings."),
            "state": text("Delivery State", "How far it is: waiting, claimed, delivered, quarantined or set-aside."),
            "attempts": whole("Attempts", "How often it was tried."),
            "ticket": text("Ticket", "Number of the ticket that the mail became or was added to.", null=True),
            "ticketUrl": text("Ticket Link", "Https address of the ticket, empty if the sink has none.", null=True),
            "isReply": flag("Reply", "Whether the mail was added to a ticket instead of making one."),
            "notes": list_of({"type": "string"}, "Notes", "What an operator should know about the delivery."),
            "finishedDateTime": moment("Finished Time", "When it was delivered, in UTC."),
            "cause": text("Cause", "Why it is in quarantine or set aside, as a stable code."),
            "message": text("Message", "Why it is in quarantine or set aside, as a sentence."),
            "nextAttemptDateTime": moment("Next Attempt", "When it is tried again, in UTC.", null=True),
            "lastError": text("Last Error", "What went wrong last, as a code.", null=True),
            "correlationId": text("Correlation ID", "The id that leads through the log."),
            "history": list_of(
                ref("DeliveryEntry"), "History", "Attempts and decisions of people, the oldest first; in one mail only."
            ),
        },
        in_view="sink state attempts ticket isReply finishedDateTime cause message",
    ),
    "DeliveryEntry": thing(
        {
            "dateTime": moment("Entry Time", "When it happened, in UTC."),
            "what": text("What", "What happened: attempt, deliver, set-aside, or omitted for entries that are gone."),
            "outcome": text("Outcome", "How an attempt ended: delivered, waiting, quarantined or died."),
            "cause": text("Entry Cause", "Why, as a stable code; of decisions: what was wrong before."),
            "message": text("Entry Message", "What was wrong before a decision, as a sentence."),
            "earlierState": text("Earlier State", "How far the delivery was before a decision."),
            "attempts": whole("Attempts Before", "How often it was tried before a decision."),
            "by": text("Decided By", "Who decided, as the caller said."),
            "reason": text("Reason Given", "Why, as the caller said."),
            "ticket": text("Joined Ticket", "The ticket to which a person added the mail."),
            "insteadOf": text("In Place Of", "The sink that does not get the mail any more."),
            "movedTo": text("Moved To", "The sink that gets the mail instead."),
            "requestId": text("Request ID", "The id of the call that decided."),
            "number": whole("Omitted Entries", "How many entries of a long history are gone."),
        },
        in_view="dateTime what outcome cause message by reason",
    ),
    "MailStoryEvent": thing(
        {
            "dateTime": moment(
                "Event Time", "When it happened, in UTC; empty for what lasts or was not noted.", null=True
            ),
            "event": text("Event", f"What happened: {', '.join(EVENTS)}."),
            "sink": text("Event Sink", "The sink that it concerns.", null=True),
            "by": text("Event By", "Who decided, as the caller said.", null=True),
            "text": text("Event Text", "What happened, as one sentence."),
        },
        in_view="dateTime event text",
    ),
    "Mail": thing(MAIL),
    "WholeMail": thing(
        {
            **MAIL,
            **CONTENT,
            "message": thing(
                {
                    "id": text("Graph ID", "Immutable id of the mail in Microsoft Graph."),
                    "subject": text("Graph Subject", "Subject of the mail.", null=True),
                    "from": _person("From", "the sender as the mail tells it"),
                    "sender": _person("Sender", "the account that sent it"),
                    "replyTo": _people("Reply To", "who wants the answer", "Who wants the answers."),
                    "toRecipients": _people("To", "a recipient", "The recipients."),
                    "ccRecipients": _people("Cc", "a recipient of a copy", "The recipients of copies."),
                    "body": thing(
                        {
                            "contentType": text("Body Type", "What the body is: text or html."),
                            "content": text("Whole Body", "The body as it came; HTML is not cleaned."),
                        },
                        name="MailBody",
                        null=True,
                    ),
                    "importance": text("Importance", "How important it is: low, normal or high.", null=True),
                    "isRead": flag("Read", "Whether it was read when the gateway saw it.", null=True),
                    "hasAttachments": flag("Has Files", "What Exchange says; false for inline files alone.", null=True),
                    "categories": list_of({"type": "string"}, "Categories", "Categories of the mail.", null=True),
                    "receivedDateTime": moment("Graph Received Time", "When Exchange received it, in UTC.", null=True),
                    "internetMessageId": text("Internet Message ID", "The mail's own id.", null=True),
                    "internetMessageHeaders": list_of(
                        thing(
                            {
                                "name": text("Header Name", "Name of a header of the mail."),
                                "value": text("Header Value", "What the header says.", null=True),
                            },
                            name="MailHeader",
                        ),
                        "Headers",
                        "Headers of the mail.",
                        null=True,
                    ),
                    "conversationId": text("Graph Conversation ID", "Id of the conversation.", null=True),
                    "webLink": text("Web Link", "Where Outlook on the web shows the mail.", null=True),
                    "parentFolderId": text("Folder ID", "Id of the folder in which it was read.", null=True),
                    "@odata.type": text("Type", "Graph's name of the kind of message.", visibility="internal"),
                    "@odata.etag": text("Version", "Graph's mark of the mail's version.", visibility="internal"),
                },
                name="GraphMessage",
                null=True,
                visibility="advanced",
            ),
            "attachments": list_of(ref("Attachment"), "Attachments", "Files, attached mails and links of the mail."),
            "isSetAside": flag(
                "Set Aside", "Whether it needs nobody: it was skipped, or is in quarantine as automatic or by a rule."
            ),
            "story": list_of(
                ref("MailStoryEvent"), "Story", "What happened to the mail, one sentence each, the oldest first."
            ),
            "thread": thing(
                {
                    "reference": text(
                        "Thread Reference", "Reference of the mail that began the thread, maybe its own."
                    ),
                    "isReply": flag("Is Reply", "Whether the mail goes on from an earlier one, by a participant."),
                    "proof": text("Proof", f"What proves it: {', '.join(Proof)}.", null=True),
                    "notes": list_of({"type": "string"}, "Thread Notes", "Why it goes on from no other, as sentences."),
                },
                description="To which earlier mail of the mailbox it belongs, as the gateway decides for tickets.",
                name="MailThread",
                in_view="reference isReply",
                visibility="advanced",
            ),
            "requestor": thing(
                {
                    "address": text("Requestor Address", "Mail address of whom the ticket is for."),
                    "name": text("Requestor Name", "Name of whom the ticket is for."),
                    "basis": text("Requestor Basis", "Why: from, reply-to or forwarded."),
                    "note": text("Requestor Note", "Why it is nobody else. Only if there is something to say."),
                },
                description="Whom a ticket is for, as the settings of the mailbox say.",
                name="Requestor",
                null=True,
                in_view="address name",
                visibility="advanced",
            ),
            "confirmation": thing(
                {
                    "to": text("Confirm To", "Mail address for a confirmation; empty if none may be sent.", null=True),
                    "reason": text("No Confirmation Because", "Why no confirmation may be sent.", null=True),
                },
                description="To whom a confirmation may go: to whoever asks, if a person wrote and nothing makes that "
                "doubtful.",
                name="Confirmation",
                null=True,
                in_view="to",
                visibility="advanced",
            ),
        }
    ),
    "Attachment": thing(
        {
            "number": whole("Attachment Number", "Its place in the mail, by which its bytes are asked for."),
            "name": text("File Name", "Name of the attachment as the sender wrote it.", null=True),
            "safeName": text("Safe File Name", "The name as every file system and SharePoint take it, never empty."),
            "contentType": text("Content Type", "Media type of the attachment.", null=True),
            "size": whole("Size", "Its size in bytes.", null=True),
            "kind": text("Kind", "What it is.", choices=("file", "item", "reference")),
            "isInline": flag("Inline", "Whether it is a picture inside the text."),
            "contentId": text("Content ID", "Id by which the text refers to it.", null=True),
            "sha256": text("Checksum", "SHA-256 of its bytes.", null=True),
            "omitted": text("Omitted", f"Why there are no bytes: {', '.join(Omission)}.", null=True),
            "reason": text("Reason", "Why there are no bytes, in words.", null=True),
            "link": text("Link", "Where a person finds what has no bytes here: in the cloud, or the mail.", null=True),
        },
        in_view="number name safeName contentType size kind isInline omitted link",
    ),
    "FileLink": thing(
        {
            "url": text("File Link", "Address of the file, for ten minutes. Whoever has it can read the file."),
            "expiresDateTime": text("Link Ends", "When the link ends.", form="date-time"),
            "name": text("File Name", "The name under which the file is saved."),
            "size": whole("Size", "Its size in bytes."),
        }
    ),
    "MailEvent": thing({**EVENT, **MAIL, **CONTENT}),
    "MailFailure": thing(
        {
            **EVENT,
            "occurredUtc": OCCURRED,
            "cause": text("Failure Cause", "Why it could not be processed, as a stable code.", null=True),
            "message": text("Failure Message", "Why it could not be processed, as a sentence.", null=True),
            **MAIL,
            **CONTENT,
        }
    ),
    "Ticket": thing(
        {
            **EVENT,
            "occurredUtc": OCCURRED,
            "ticket": text("Ticket Number", "Number of the ticket."),
            "sink": text("Sink", "Name of the sink that made the ticket."),
            **{name: shape for name, shape in MAIL.items() if name != "deliveries"},
        }
    ),
}
