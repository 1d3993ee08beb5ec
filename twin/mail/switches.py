"""Behaviour of mailboxes that is undocumented, disputed or a known fault, which tests can set."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass
class Switches:
    """The switches. Each default promises the least that a client may expect.

    delta_page_size        items per page of a delta without Prefer: odata.maxpagesize
    delta_largest_page     the largest page that Prefer gets
    delta_top_skips_rest   with $top the second page is empty and the last (microsoft-graph-docs-contrib issue 7946)
    delta_unordered        items of a round come in no order
    delta_delay_seconds    how old a change must be until a delta shows it, by the world's clock
    delta_empty_pages      empty pages with a nextLink at the beginning of each round
    delta_repeats          items that come a second time at the end of the same round
    delta_stubs            a changed mail shows what changed only (microsoft-graph-docs issue 7776), or all of it
    delta_removed_at_first what was removed shows in a first round, too
    slow_bytes             an answer with more bytes of bodies than this becomes 504; 0 for no limit (reference page of
                           list messages: large pages time out; microsoft-graph-docs issue 5853)
    delta_filter_cap       most messages of a delta with $filter
    move_reason            reason in @removed for a mail that went to another folder
    cursors_kept           cursors that are remembered; older ones fall out
    slash_share            share of mutable ids that hold "/" and "+"
    text_bodies            a mail in plain text has a body of type text, or one of html made of it
    html_documents         a piece of HTML comes as a whole document, as Exchange writes it, or as it was sent
    stamps_message_id      a mail without Message-ID gets one
    readwrite_reads        Mail.ReadWrite covers what the permissions data list under Mail.Read only
    conversations_join_subjects
                           a mail that answers nothing joins the conversation of an earlier one with its subject, as
                           Exchange does now and then (microsoft-graph-docs-contrib issue 8184)
    checks_authors         what Exchange Online writes into the headers of mails that come: "" nothing, as in a system
                           that checks nothing; else this result of DMARC ("pass", "fail", "none") above all headers,
                           and that the sender did not sign in; or "internal". Headers X-MS-Exchange-Organization-* of
                           the sender are removed then (Microsoft Learn, "Message headers" of Exchange Online
                           Protection and "Header firewall")
    attachment_overhead    bytes by which `size` exceeds the file
    shows_source_url       a link to a file in the cloud has `sourceUrl`, as in the beta version; v1.0 does not have it
    inline_hides_files     hasAttachments is false when all files are inline (docstring of Message.has_attachments in
                           msgraph-sdk 1.65; smletsexchangeconnector issue 528), or true for any file
    inline_files           which files of MIME are inline: those that their part calls so, as Apple Mail does with PDFs
                           and photos (SwiftMail issue 142), or of these only files with a Content-ID; how Exchange
                           flags the others is not documented
    reads_meetings         a text/calendar part with METHOD makes a message a meeting message (calendar.py); without it
                           the part stays a file
    keeps_signed_whole     a mail that S/MIME signed has one attachment, all of it (MS-OXOSMIME 2.1.3.1), and not those
                           of its parts
    shows_signed_text      the text of such a mail is its body, as MS-OXOSMIME says it should; or it has none, as an
                           opaque-signed or encrypted one
    guards_content         subject, body, recipients and the like of received mails cannot be changed: from 2026-12-31
                           that needs Mail-Advanced.ReadWrite (Exchange Team blog, 2026-03-24); without it, they can
    """

    delta_page_size: int = 10
    delta_largest_page: int = 500
    delta_top_skips_rest: bool = True
    delta_unordered: bool = True
    delta_delay_seconds: float = 0.0
    delta_empty_pages: int = 0
    delta_repeats: int = 0
    delta_stubs: bool = True
    delta_removed_at_first: bool = False
    slow_bytes: int = 0
    delta_filter_cap: int = 5000
    move_reason: Literal["changed", "deleted"] = "changed"
    cursors_kept: int = 20_000
    slash_share: float = 0.25
    text_bodies: Literal["text", "html"] = "text"
    html_documents: bool = True
    stamps_message_id: bool = False
    readwrite_reads: bool = True
    conversations_join_subjects: bool = False
    checks_authors: str = ""
    attachment_overhead: int = 404
    shows_source_url: bool = False
    inline_hides_files: bool = True
    inline_files: Literal["disposition", "content-id"] = "disposition"
    reads_meetings: bool = True
    keeps_signed_whole: bool = True
    shows_signed_text: bool = True
    guards_content: bool = True

    def set(self, wish: dict[str, Any]) -> None:
        """Set switches by name. ValueError for an unknown one or a value of another type."""
        for name, value in wish.items():
            if name not in self.__dataclass_fields__:
                raise ValueError(f"no switch {name!r}; there are {', '.join(self.__dataclass_fields__)}")
            wanted = type(getattr(self, name))
            if not isinstance(value, wanted if wanted is not float else int | float):
                raise ValueError(f"{name} is of type {wanted.__name__}")  # noqa: TRY004 - ValueError is 400 to control
        for name, value in wish.items():
            setattr(self, name, value)
