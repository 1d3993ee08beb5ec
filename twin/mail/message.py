"""One message in a mailbox, with methods by which tests and people change it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from twin.core.wire import Json
from twin.mail.contents import Attachment
from twin.mail.draft import Draft
from twin.mail.ids import attach, make_safe

if TYPE_CHECKING:
    from twin.mail.mailbox import Folder, Mailbox

NOT_FLAGGED: Json = {"flagStatus": "notFlagged"}


@dataclass(slots=True, eq=False)
class Message:
    """A message. Its bodies and headers are those of the draft; what users change is kept here.

    id            the immutable one
    mutable_id    the default kind, which each move changes
    extended      single-value extended properties by id
    unrenderable  Exchange cannot render it as MIME: $value answers 500
    version       grows with every change; makes changeKey and ETag
    """

    mailbox: "Mailbox"
    home: "Folder"
    draft: Draft
    id: str
    mutable_id: str
    received: datetime
    modified: datetime
    conversation_id: str
    is_read: bool = False
    is_draft: bool = False
    categories: list[str] = field(default_factory=list)
    flag: Json = field(default_factory=lambda: dict(NOT_FLAGGED))
    importance: str = "normal"
    inference: str = "focused"
    extended: dict[str, str] = field(default_factory=dict)
    unrenderable: bool = False
    version: int = 1

    @property
    def folder(self) -> str:
        """The well-known name of its folder, or the display name of one without."""
        return self.home.well_known or self.home.name

    @property
    def subject(self) -> str | None:
        """Its subject."""
        subject: str | None = self.draft.values["subject"]
        return subject

    @property
    def internet_message_id(self) -> str | None:
        """Its Message-ID; None for a mail without."""
        found: str | None = self.draft.values["internetMessageId"]
        return found

    @property
    def attachments(self) -> list[Attachment]:
        """Its attachments."""
        return self.draft.attachments

    @property
    def has_attachments(self) -> bool:
        """What hasAttachments says: false when all of them are inline, unless a switch says otherwise."""
        hides = self.mailbox.switches.inline_hides_files
        return any(not (one.is_inline and hides) for one in self.attachments)

    @property
    def type_name(self) -> str:
        """Its `@odata.type`."""
        return str((self.draft.meeting or {}).get("@odata.type", "#microsoft.graph.message"))

    @property
    def exists(self) -> bool:
        """Whether it is still in some folder."""
        return self.id in self.home.members

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        if self.draft.raw is not None:
            return len(self.draft.raw)
        return len(self.draft.values["body"]["content"]) + sum(one.content.size for one in self.attachments) + 2000

    def shown_id(self, *, immutable: bool) -> str:
        """Return the id of the kind that was requested."""
        return self.id if immutable else self.mutable_id

    def attachment(self, attachment_id: str) -> Attachment:
        """Return an attachment by its id, of either kind. KeyError when unknown."""
        for one in self.attachments:
            if make_safe(attachment_id) in {attach(make_safe(own), one.suffix) for own in (self.id, self.mutable_id)}:
                return one
        raise KeyError(attachment_id)

    def mark_read(self, *, read: bool = True) -> None:
        """Set isRead, as a colleague does by opening the mail."""
        self.change({"isRead": read})

    def change(self, values: Json) -> None:
        """Set isRead, categories, flag, importance or inferenceClassification, under Graph's names."""
        self.mailbox.change(self, values)

    def move(self, folder: str) -> None:
        """Move it to a folder, by well-known name, id or display name. KeyError for an unknown one."""
        self.mailbox.move(self, self.mailbox.folder(folder))

    def delete(self, *, forever: bool = False) -> None:
        """Delete it: to Deleted Items, and from there, or with `forever`, for good."""
        self.mailbox.delete(self, forever=forever)
