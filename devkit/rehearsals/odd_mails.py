"""Odd mails of a rehearsal: each kind with the one right outcome, which is known before anything is delivered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from twin.mail.contents import File
from twin.mail.mailbox import Mailbox

_AUTHOR = "Alex Wilber"
_PIXELS = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Expectation:
    """What must become of the mails of one subject.

    tickets      so many tickets bear the subject as their title
    files        the names of their files, in all; with `are_names_cleaned` only their number counts
    comment_on   the title of the ticket that must have exactly one comment with the subject
    is_aside     set aside as automatic, in the list of such mails
    text         must stand in each ticket
    unread       so many stay unread: a person may look at what is a copy or set aside
    """

    tickets: int = 1
    files: tuple[str, ...] = ()
    are_names_cleaned: bool = False
    comment_on: str | None = None
    is_aside: bool = False
    text: str = ""
    unread: int = 0


@dataclass(frozen=True)
class Place:
    """Where an odd mail arrives, who writes it, and an earlier ordinary mail that it may answer."""

    box: Mailbox
    author: str
    earlier: str
    """The subject of an ordinary mail; its Message-ID is `make_message_id(earlier)`."""

    def receive(self, subject: str, text: str, files: tuple[File, ...] = (), **more: object) -> None:
        """Receive a mail of the author."""
        self.box.receive(
            subject=subject, sender=(_AUTHOR, self.author), text=text, attachments=files,
            **{"message_id": make_message_id(subject), **more},  # type: ignore[arg-type] # its keywords
        )  # fmt: skip


def make_message_id(subject: str) -> str:
    """Return the Message-ID of the rehearsed mail with this subject."""
    return f"<{subject.lower().replace(' ', '.')}@rehearsal.example.com>"


def _answer(place: Place, subject: str) -> Expectation:
    place.receive(f"RE: {place.earlier}", f"{subject}: one more thing.", in_reply_to=make_message_id(place.earlier),
                  message_id=make_message_id(subject))  # fmt: skip
    return Expectation(tickets=0, comment_on=place.earlier)


def _arrive_twice(place: Place, subject: str) -> Expectation:
    for _ in range(2):
        place.receive(subject, "The same mail, brought twice.")
    return Expectation(unread=1)


def _reuse_message_id(place: Place, subject: str) -> Expectation:
    pages = tuple(File(f"{subject} page {page}.txt", "text/plain", f"page {page}\n".encode() * 50) for page in (1, 2))
    for page in pages:
        place.receive(subject, "A fax.", (page,))
    return Expectation(tickets=2, files=tuple(page.name for page in pages))


def _hide_photo(place: Place, subject: str) -> Expectation:
    photo = File(f"{subject}.png", "image/png", _PIXELS + subject.encode() * 40, inline=True)
    place.receive(subject, "See the photo.", (photo,))
    return Expectation(files=(photo.name,))


def _be_away(place: Place, subject: str) -> Expectation:
    place.receive(subject, "I am away.", headers={"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"})
    return Expectation(tickets=0, is_aside=True, unread=1)


def _name_badly(place: Place, subject: str) -> Expectation:
    file = File("..\\..\\C:/CON\u202etxt.\x07exe", "text/plain\r\nX-Evil: 1", subject.encode())
    place.receive(subject, "A file with a bad name.", (file,))
    return Expectation(files=(file.name,), are_names_cleaned=True)


def _share_subject(place: Place, subject: str) -> Expectation:
    for number in (1, 2):
        place.receive(subject, f"Server {number} is down.", message_id=make_message_id(f"{subject} {number}"))
    return Expectation(tickets=2)


def _forward(place: Place, subject: str) -> Expectation:
    text = (
        "-----Original Message-----\nFrom: Kim\nSent: Monday\nTo: Alex\nSubject: Printer\n\n> The printer is on fire."
    )
    place.receive(f"VS: {subject}", f"{subject}\n{text}")
    return Expectation(text="The printer is on fire.")


def _lack_message_id(place: Place, subject: str) -> Expectation:
    place.receive(subject, "Without a Message-ID.", message_id=None, without_message_id=True)
    return Expectation()


def _write_much(place: Place, subject: str) -> Expectation:
    place.receive(subject, "first words\n" + "x" * 1_200_000)
    return Expectation(text="first words")


KINDS: Mapping[str, Callable[[Place, str], Expectation]] = MappingProxyType(
    {
        "the same mail twice": _arrive_twice,
        "one Message-ID with two files": _reuse_message_id,
        "a hidden photo": _hide_photo,
        "an automatic reply": _be_away,
        "a bad file name": _name_badly,
        "one subject of two requests": _share_subject,
        "a forward": _forward,
        "no Message-ID": _lack_message_id,
        "a text of 1.2 MB": _write_much,
        "an answer": _answer,
    }
)
