"""One delivery to EasyVista: a ticket or a comment, and the files. It continues where an earlier attempt ended.

Nothing is done twice. A ticket has the mail's reference in `external_reference`. Before one is created, EasyVista is
searched for the reference: an earlier attempt may have died before it saved the ticket's number, and a refusal (590)
may hide a row that was written. A comment has the reference in its last line, and a mail always gives the same file
names.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from inbound_mail.content.requestor import Basis
from inbound_mail.sinks._files import SEEN, settle_files
from inbound_mail.sinks._upload import Upload
from inbound_mail.sinks.easyvista.client import Client
from inbound_mail.sinks.easyvista.files import File, Handover, list_files, plan_handover
from inbound_mail.sinks.easyvista.http import MakeBody
from inbound_mail.sinks.easyvista.replies import (
    Decision,
    decide,
    decide_closed,
    decide_joined,
    decide_note,
    refuse_to_join,
)
from inbound_mail.sinks.easyvista.ticket import (
    make_person_fields,
    make_report_text,
    make_ticket_fields,
    make_ticket_text,
)
from inbound_mail.sinks.protocol import PreparedMail, Progress, Receipt, refuse_automatic_mail
from shared.errors import NotFound, OutcomeUnknown, Rejected
from shared.wording import count_of

_ADD_PERSON = "Add the person there, or set unknown_sender, then redeliver the mail."


class Delivery:
    """One attempt. The steps saved in `progress` are done; if `_resumed`, further ones may be done as well."""

    def __init__(
        self, client: Client, options: Mapping[str, Any], prepared: PreparedMail, progress: Progress, base_url: str
    ) -> None:
        self._client = client
        self._options = options
        self._prepared = prepared
        self._progress = progress
        self._base_url = base_url
        self._resumed = bool(progress.values.keys() - {SEEN}) or progress.interrupted
        self._notes: list[str] = list(progress.values.get("notes") or ())

    def run(self) -> Receipt:
        """Create a ticket or comment on one, then attach the files. Raises the errors of the sink protocol."""
        reply, ticket = self._saved("reply"), self._saved("ticket")
        if not (ticket or reply):
            reply, ticket = self._begin()
        if reply and not ticket:
            ticket = self._comment(reply)
        if ticket and self._options["body_write"] == "create_then_put":
            self._write_body(ticket)
        rfc = ticket or reply or ""
        files = self._settle_files(None if ticket else rfc)
        self._attach(rfc, files, is_reply=not ticket)
        sent = tuple(dict.fromkeys(one.sha256 for one in files.attachments if one.sha256))
        return Receipt(rfc, is_reply=not ticket, notes=tuple(self._notes), files=sent)

    def _begin(self) -> tuple[str | None, str | None]:
        """Return (ticket to comment on, None) or (None, ticket that was created or found)."""
        found = self._client.find(self._prepared.reference)
        if found:
            self._resumed = True
            return None, self._adopt(found)
        decision = self._decide()
        if decision.comment_on:
            self._notes += decision.notes
            self._progress.save(reply=decision.comment_on, notes=self._notes)
            return decision.comment_on, None
        return None, self._create(decision)

    def _decide(self) -> Decision:
        if self._prepared.join:
            return decide_joined(self._prepared.join, self._options, self._client)
        decide_it = decide_note if self._prepared.is_note else decide
        return decide_it(self._prepared, self._options, self._client)

    # -- a new ticket

    def _adopt(self, found: list[str]) -> str:
        if len(found) > 1:
            self._notes.append(f"Several tickets have the reference of this mail: {', '.join(found)}.")
        if self._saved("create_refused"):
            self._notes.append(
                f"created_incomplete: EasyVista answered with an error, but created ticket {found[0]} nevertheless."
            )
        return self._save_ticket(found[0])

    def _create(self, decision: Decision) -> str:
        self._notes += decision.notes
        files = self._settle_files(None)
        fields = make_ticket_fields(self._prepared, self._options, files, parent=decision.parent, notes=decision.notes)
        try:
            if self._prepared.who_asks.address:
                return self._post(fields)
        except Rejected as refusal:
            if refusal.code != "UnknownSender":
                raise
        return self._create_for_unknown(fields)

    def _create_for_unknown(self, fields: dict[str, Any]) -> str:
        policy, asks = self._options["unknown_sender"], self._prepared.who_asks
        who = "the author" if asks.basis is Basis.AUTHOR else "the requestor"
        if policy == "reject":
            raise Rejected(f"EasyVista does not know {who} of this mail. {_ADD_PERSON}", code="SenderRejected")
        if policy == "quarantine":
            raise Rejected(f"EasyVista does not know {who} of this mail. {_ADD_PERSON}", code="UnknownSender")
        self._notes.append(f"EasyVista does not know {who}, so the ticket is for the default recipient.")
        return self._post(fields | make_person_fields(self._options["default_recipient"]))

    def _post(self, fields: Mapping[str, Any]) -> str:
        try:
            ticket = self._client.create(fields)
        except (Rejected, NotFound) as refusal:
            if refusal.code != "UnknownSender":
                self._progress.save(create_refused=True)
            if found := self._client.find(self._prepared.reference):
                return self._adopt(found)
            raise
        if ticket is None:
            if found := self._client.find(self._prepared.reference):
                return self._adopt(found)
            raise OutcomeUnknown(
                "EasyVista's answer contains no ticket number. Look for the mail's reference there.",
                code="UpstreamBadAnswer",
            )
        return self._save_ticket(ticket)

    def _write_body(self, ticket: str) -> None:
        if not self._saved("body_written"):
            self._client.change(ticket, {"description": self._text(None)})
            self._progress.save(body_written=True)

    # -- a comment

    def _comment(self, rfc: str) -> str | None:
        """Comment on a ticket. If it is closed or gone, create a ticket instead and return its number."""
        if self._saved("commented"):
            return None
        if not (self._resumed and self._is_commented(rfc)):
            try:
                self._client.comment(rfc, self._comment_fields(rfc))
            except (Rejected, NotFound) as refusal:
                if not self._is_commented(rfc):
                    return self._create_instead(rfc, refusal)
        self._progress.save(commented=True)
        return None

    def _create_instead(self, rfc: str, refusal: Rejected | NotFound) -> str:
        ticket = self._client.ticket(rfc)
        if self._prepared.is_note and (ticket is None or ticket.is_closed):
            raise refuse_automatic_mail(self._prepared.screening, f"It belongs to ticket {rfc}, which is closed.")
        if self._prepared.join and (ticket is None or ticket.is_closed):
            raise refuse_to_join(rfc, is_closed=ticket is not None)
        if ticket is None:
            decision = Decision(notes=(f"The mail answers ticket {rfc}, which does not exist any more.",))
        elif ticket.is_closed:
            decision = decide_closed(self._prepared, rfc, self._options)
        else:
            raise Rejected(
                f"EasyVista refused a comment on the open ticket {rfc}. Check the action type and group of the sink.",
                code="CommentRefused",
                detail=refusal.detail,
            )
        if found := self._client.find(self._prepared.reference):
            return self._adopt(found)
        return self._create(decision)

    def _comment_fields(self, rfc: str) -> dict[str, Any]:
        group = "comment_group_id" if self._options["comment_group_id"] is not None else "comment_group_mail"
        return {
            "action_type_id": self._options["comment_action_type_id"],
            group.removeprefix("comment_"): self._options[group],
            "description": self._text(rfc),
        }

    def _is_commented(self, rfc: str) -> bool:
        texts = self._client.comments(rfc, self._options["comment_action_type_id"])
        return any(self._prepared.reference in text for text in texts)

    # -- both

    def _text(self, reply: str | None) -> str:
        """Return the text of the new ticket, or of a comment: without quoted history that this very ticket has."""
        if self._prepared.is_report:
            return make_report_text(self._prepared, self._options, self._notes)
        rendering, is_cut = self._prepared.rendering, self._leaves_out_history(reply)
        return make_ticket_text(
            self._prepared,
            self._options,
            self._settle_files(reply),
            body=rendering.new_text if is_cut else rendering.text,
            rich=rendering.html if reply is None else None,
            notes=self._notes,
            is_history_left_out=is_cut,
        )

    def _leaves_out_history(self, reply: str | None) -> bool:
        return reply is not None and self._prepared.rendering.was_cut and self._prepared.history_in == reply

    def _settle_files(self, reply: str | None) -> Handover:
        """Return which files go to the ticket that the mail answers; None for a new ticket, which gets the whole text.

        This is decided before the first write, so that each attempt decides alike. A delivery report brings no files.
        """
        if self._prepared.is_report:
            return Handover((), (), "")
        is_cut = self._leaves_out_history(reply)
        choices = settle_files(self._prepared, self._progress, reply, is_cut=is_cut)
        self._progress.save()
        return plan_handover(self._prepared.mail, choices, self._options["attachment_mb"], self._base_url)

    def _attach(self, rfc: str, handover: Handover, *, is_reply: bool) -> None:
        """Attach the files that are not there yet. If some are refused, raise Rejected after all were tried."""
        if not handover.attachments:
            return
        present = self._client.documents(rfc) if self._resumed or is_reply else []
        files = self._name_files(handover, present) if is_reply else list_files(handover)
        refused = {}
        for file in files:
            if file.name in present:
                continue
            try:
                self._client.attach(rfc, *self._upload(file))
            except Rejected as refusal:
                refused[file.name] = refusal
        missing = refused.keys() - set(self._client.documents(rfc) if refused else ())
        if missing:
            raise Rejected(
                f"Ticket {rfc} has the mail's text, but EasyVista refused {len(missing)} of "
                f"{count_of(len(files), 'file')}. Lower attachment_mb or raise EasyVista's limit.",
                code="AttachmentRefused",
                detail=refused[min(missing)].detail,
            )

    def _name_files(self, handover: Handover, present: Iterable[str]) -> list[File]:
        """Return the files of a reply, under names that are new in the ticket and saved before the first is sent."""
        saved = self._saved("files")
        if saved is None:
            files = list_files(handover, present)
            self._progress.save(files={str(file.attachment.number): file.name for file in files})
            return files
        return [
            File(saved.get(str(file.attachment.number), file.name), file.attachment) for file in list_files(handover)
        ]

    def _upload(self, file: File) -> tuple[MakeBody, str]:
        head = b'{"filename":' + json.dumps(file.name).encode() + b',"filedata":"'
        before, after, content_type = b'{"documents":[', b"]}", "application/json"
        if self._options["document_form"] == "form":
            boundary = uuid.uuid4().hex
            before = f'--{boundary}\r\nContent-Disposition: form-data; name="documents"\r\n\r\n['.encode()
            after = f"]\r\n--{boundary}--\r\n".encode()
            content_type = f"multipart/form-data; boundary={boundary}"
        tail = b'"}' + after
        return lambda: Upload(before + head, file.attachment, self._prepared.open, tail), content_type

    def _saved(self, name: str) -> Any:
        return self._progress.values.get(name)

    def _save_ticket(self, ticket: str) -> str:
        self._progress.save(ticket=ticket, notes=self._notes)
        return ticket
