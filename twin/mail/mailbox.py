"""One mailbox: its folders, its messages, and the log of changes that deltas are made of."""

import base64
import hashlib
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from twin.core.clock import Clock
from twin.core.wire import Json
from twin.mail.contents import Enclosure, Synthetic
from twin.mail.draft import Address, Draft, HeaderValue, compose, read_topic, stamp_author
from twin.mail.eml import read_eml
from twin.mail.ids import make_folder_id, make_immutable_id, make_mutable_id, make_safe, make_suffix
from twin.mail.message import Message
from twin.mail.switches import Switches

type EventKind = Literal["arrived", "changed", "left"]

ROOT = "msgfolderroot"
_FOLDERS = {
    "inbox": "Inbox",
    "archive": "Archive",
    "deleteditems": "Deleted Items",
    "drafts": "Drafts",
    "junkemail": "Junk Email",
    "outbox": "Outbox",
    "sentitems": "Sent Items",
    "conversationhistory": "Conversation History",
}
_HIDDEN = {"recoverableitemsdeletions": "Deletions", "syncissues": "Sync Issues"}
_ATTRIBUTES = {
    "isRead": "is_read",
    "categories": "categories",
    "flag": "flag",
    "importance": "importance",
    "inferenceClassification": "inference",
}


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a folder's log. `mutable_id` is the id of the message at that time."""

    when: datetime
    kind: EventKind
    message: Message
    mutable_id: str
    what: tuple[str, ...] = ()
    reason: str = ""


@dataclass(slots=True, eq=False)
class Folder:
    """A folder: its members by immutable id, and its log, which only grows."""

    id: str
    name: str
    well_known: str | None
    parent: "Folder | None"
    is_hidden: bool = False
    members: dict[str, Message] = field(default_factory=dict)
    log: list[Event] = field(default_factory=list)

    def messages(self) -> list[Message]:
        """Return all messages in it, in order of arrival."""
        return list(self.members.values())


class Mailbox:
    """A mailbox of a user, or a shared one."""

    def __init__(
        self,
        address: str,
        tenant_id: str,
        *,
        name: str,
        object_id: str | None,
        shared: bool,
        clock: Clock,
        switches: Switches,
        announce: "Callable[[Mailbox, Event], None]",
    ) -> None:
        self.clock = clock
        self._announce = announce
        self.switches = switches
        self.address = address
        self.tenant_id = tenant_id
        self.name = name
        self.object_id = object_id or str(uuid.uuid4())
        self.is_shared = shared
        self.folders: dict[str, Folder] = {}
        self._random = random.Random()  # noqa: S311 - ids of a twin guard nothing
        self._messages: dict[str, Message] = {}
        self._conversations: dict[str, str] = {}
        self._topics: dict[str, str] = {}
        root = self._make_folder("Top of Information Store", ROOT, None)
        for well_known, shown in _FOLDERS.items():
            self._make_folder(shown, well_known, root)
        for well_known, shown in _HIDDEN.items():
            self._make_folder(shown, well_known, root, hidden=True)

    def folder(self, name: str) -> Folder:
        """Return a folder by id, well-known name (any case) or display name. KeyError when unknown."""
        if name in self.folders:
            return self.folders[name]
        for one in tuple(self.folders.values()):
            if name.lower() == one.well_known or name == one.name:
                return one
        raise KeyError(name)

    def add_folder(self, name: str, parent: str = ROOT) -> Folder:
        """Add a folder of the users' own, below another one."""
        return self._make_folder(name, None, self.folder(parent))

    def children(self, parent: Folder) -> list[Folder]:
        """Return the folders right below one."""
        return [one for one in tuple(self.folders.values()) if one.parent is parent]

    def message(self, message_id: str) -> Message:
        """Return a message by either of its ids, in either spelling. KeyError when unknown."""
        return self._messages[make_safe(message_id)]

    def messages(self, folder: str | None = None) -> list[Message]:
        """Return all messages, or those of one folder."""
        chosen = [self.folder(folder)] if folder is not None else tuple(self.folders.values())
        return [message for one in chosen for message in one.messages()]

    def receive(
        self,
        eml: bytes | None = None,
        *,
        subject: str | None = "",
        sender: Address = ("Robin Example", "robin@example.com"),
        to: Sequence[Address] | None = None,
        cc: Sequence[Address] = (),
        reply_to: Sequence[Address] = (),
        html: str | None = None,
        text: str | Synthetic | None = None,
        attachments: Sequence[Enclosure] = (),
        headers: Mapping[str, HeaderValue] | None = None,
        received: datetime | None = None,
        folder: str = "inbox",
        message_id: str | None = None,
        without_message_id: bool = False,
        in_reply_to: str | None = None,
        importance: str = "normal",
        is_read: bool = False,
    ) -> Message:
        """Receive a mail: MIME as it is, or one made from the keywords."""
        now = received or self.clock.now()
        if eml is not None:
            draft = read_eml(eml, self.switches)
            for one in draft.attachments:
                one.is_inline = one.is_inline and bool(one.content_id or self.switches.inline_files == "disposition")
        else:
            own_id = message_id or f"<{uuid.uuid4()}@mail.example.com>"
            draft = compose(
                sender=sender,
                to=to if to is not None else [(self.name, self.address)],
                now=now,
                subject=subject,
                cc=cc,
                reply_to=reply_to,
                html=html,
                text=text,
                attachments=attachments,
                headers=headers,
                message_id=None if without_message_id else own_id,
                in_reply_to=in_reply_to,
                importance=importance,
            )
        if draft.values["internetMessageId"] is None and self.switches.stamps_message_id:
            draft.values["internetMessageId"] = f"<{uuid.uuid4().hex.upper()}@outlook.example>"
        stamp_author(draft, self.switches.checks_authors)
        return self.put(draft, received=now, folder=folder, is_read=is_read)

    def put(self, draft: Draft, *, received: datetime, folder: str = "inbox", is_read: bool = False) -> Message:
        """Put a mail into a folder."""
        for one in draft.attachments:
            one.suffix = make_suffix(self._random)
        home = self.folder(folder)
        made = Message(
            self,
            home,
            draft,
            id=make_immutable_id(self._random),
            mutable_id=self._make_mutable_id(),
            received=received,
            modified=self.clock.now(),
            conversation_id=self._find_conversation(draft),
            is_read=is_read,
            is_draft=home.well_known == "drafts",
            importance=draft.values["importance"],
        )
        self._messages[made.id] = made
        self._enter(made, home)
        return made

    def change(self, message: Message, values: Json) -> None:
        """Set properties under Graph's names; equal values are no change. KeyError for other properties."""
        differing = [name for name, value in values.items() if getattr(message, _ATTRIBUTES[name]) != value]
        for name in differing:
            setattr(message, _ATTRIBUTES[name], values[name])
        if differing:
            self._touch(message)
            self._note("changed", message, what=tuple(differing))

    def rewrite(self, message: Message, values: Json) -> None:
        """Set properties that only drafts allow: subject, body, recipients."""
        message.draft.values = message.draft.values | values
        self._touch(message)
        self._note("changed", message, what=tuple(values))

    def tag(self, message: Message, properties: Mapping[str, str]) -> None:
        """Set extended properties. Deltas do not show them."""
        message.extended = {**message.extended, **properties}
        self._touch(message)
        self._announce(self, self._make_event("changed", message, what=tuple(properties)))

    def move(self, message: Message, target: Folder, *, reason: str | None = None) -> None:
        """Move a message: a copy under a new mutable id, and the removal of the old one."""
        self._leave(message, reason or self.switches.move_reason)
        message.mutable_id = self._make_mutable_id()
        self._touch(message)
        self._enter(message, target)

    def delete(self, message: Message, *, forever: bool = False) -> None:
        """Delete a message as Outlook does: first to Deleted Items, from there for good."""
        trash = self.folder("deleteditems")
        if not forever and message.home is not trash:
            self.move(message, trash, reason="deleted")
            return
        self._leave(message, "deleted")
        self._messages.pop(message.id, None)

    def replay(self, count: int, folder: str = "inbox") -> None:
        """Repeat the newest messages in the next round, as if they had just arrived."""
        for message in self.folder(folder).messages()[-count:]:
            self._note("arrived", message)

    def _make_folder(self, name: str, well_known: str | None, parent: Folder | None, *, hidden: bool = False) -> Folder:
        made = Folder(make_folder_id(self._random), name, well_known, parent, hidden)
        self.folders[made.id] = made
        return made

    def _make_mutable_id(self) -> str:
        return make_mutable_id(self._random, slashes=self._random.random() < self.switches.slash_share)

    def _enter(self, message: Message, home: Folder) -> None:
        self._messages[make_safe(message.mutable_id)] = message
        message.home = home
        home.members[message.id] = message
        self._note("arrived", message)

    def _leave(self, message: Message, reason: str) -> None:
        self._messages.pop(make_safe(message.mutable_id), None)
        message.home.members.pop(message.id, None)
        self._note("left", message, reason=reason)

    def _touch(self, message: Message) -> None:
        message.version += 1
        message.modified = self.clock.now()

    def _note(self, kind: EventKind, message: Message, *, what: tuple[str, ...] = (), reason: str = "") -> None:
        event = self._make_event(kind, message, what=what, reason=reason)
        message.home.log.append(event)
        self._announce(self, event)

    def _make_event(self, kind: EventKind, message: Message, *, what: tuple[str, ...], reason: str = "") -> Event:
        return Event(self.clock.now(), kind, message, message.mutable_id, what, reason)

    def _find_conversation(self, draft: Draft) -> str:
        """Find the conversation of what the mail answers, or begin one. Each mailbox names conversations itself."""
        own = draft.values["internetMessageId"]
        topic = read_topic(draft.values["subject"])
        known = next((self._conversations[one] for one in draft.references if one in self._conversations), None)
        if known is None and self.switches.conversations_join_subjects:
            known = self._topics.get(topic)
        seed = f"{self.address.lower()} {own or uuid.uuid4()}"
        thread = hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest()
        found = known or "AAQkAD" + base64.urlsafe_b64encode(thread * 2).decode().rstrip("=") + "AQAA="
        for one in (own, *draft.references):
            if one:
                self._conversations.setdefault(one, found)
        if topic:
            self._topics.setdefault(topic, found)
        return found
