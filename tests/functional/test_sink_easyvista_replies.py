"""Replies become comments, or new tickets if their author may not comment or the ticket is closed."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.content.belonging import Thread
from inbound_mail.sinks.protocol import Look, LoopNotice, Receipt
from shared.errors import OutcomeUnknown, Refused, Rejected
from tests.functional.easyvista_sink import EARLIER, OTHER_REFERENCE, EasyVista, easyvista, running
from tests.functional.prepared_mails import (
    AUTHOR,
    BODY,
    KnownThreads,
    MemoryProgress,
    address,
    make_file,
    make_prepared_mail,
)
from twin import Answer, Drop
from twin.seeds import service_desks

__all__ = ["easyvista", "running"]


def reply_to(rfc: str, *participants: str) -> dict[str, Any]:
    """Return the arguments for a mail that answers a known one."""
    threads = KnownThreads({EARLIER: Thread(rfc, frozenset(participants))})
    return {"threads": threads, "headers": {"In-Reply-To": f"<{EARLIER}>"}}


def test_a_reply_becomes_a_visible_comment_with_its_files(easyvista: EasyVista) -> None:
    receipt = easyvista.deliver(make_file(1, "a.txt", b"x"), **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    ticket = easyvista.sim.easyvista.ticket(service_desks.OPEN_TICKET)
    [comment] = ticket.tasks
    assert receipt == Receipt(service_desks.OPEN_TICKET, is_reply=True, files=(hashlib.sha256(b"x").hexdigest(),))
    assert comment.ended is not None
    assert comment.type.id == service_desks.PUBLIC_COMMENT
    assert comment.group
    assert comment.group.e_mail == service_desks.GROUP
    assert BODY in comment.description
    assert "left out" not in comment.description
    assert comment.description.splitlines()[-1] == f"Reference: {make_prepared_mail().reference}"
    assert ticket.file_names == ["a.txt"]
    assert easyvista.made == []


CUT = {"text": "only the new, and the old", "new_text": "only the new", "was_cut": True, "html": "<p>the old</p>"}
LEFT_OUT = (
    "Note: Quoted text below is left out, because this ticket has it already. The whole mail: "
    "GET mailboxes/support/mails/0a1b2c3d of the gateway, or the mailbox support@contoso.com."
)


@pytest.mark.parametrize("body", ["text", "html"])
def test_a_comment_says_that_history_of_its_ticket_is_left_out_and_where_the_whole_is(
    easyvista: EasyVista, body: str
) -> None:
    rfc = service_desks.OPEN_TICKET
    easyvista.deliver(rendering=CUT, history_in=rfc, body=body, **reply_to(rfc, AUTHOR))
    [comment] = easyvista.sim.easyvista.ticket(rfc).tasks
    assert "only the new" in comment.description
    assert "the old" not in comment.description
    assert LEFT_OUT in comment.description


@pytest.mark.parametrize("history_in", [None, "I991231_00001"])
def test_history_that_stands_in_no_or_another_ticket_is_not_left_out(
    easyvista: EasyVista, history_in: str | None
) -> None:
    easyvista.deliver(rendering=CUT, history_in=history_in, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    [comment] = easyvista.sim.easyvista.ticket(service_desks.OPEN_TICKET).tasks
    assert "only the new, and the old" in comment.description
    assert "left out" not in comment.description


@pytest.mark.parametrize("options", [{}, {"body_write": "create_then_put"}])
def test_nothing_is_left_out_of_a_mail_that_becomes_a_ticket(easyvista: EasyVista, options: dict[str, Any]) -> None:
    easyvista.sim.easyvista.close(service_desks.OPEN_TICKET)
    receipt = easyvista.deliver(
        rendering=CUT,
        history_in=service_desks.OPEN_TICKET,
        **reply_to(service_desks.OPEN_TICKET, AUTHOR),
        **options,
    )
    assert "only the new, and the old" in easyvista.ticket(receipt).description
    assert "left out" not in easyvista.ticket(receipt).description


@pytest.mark.parametrize("answers", [{}, reply_to(service_desks.OPEN_TICKET, AUTHOR)], ids=["ticket", "comment"])
def test_a_text_that_goes_on_in_the_mail_says_so_and_long_headers_are_cut(
    easyvista: EasyVista, answers: dict[str, Any]
) -> None:
    people = [address(f"person{number}@contoso.com") for number in range(1000)]
    easyvista.deliver(
        rendering={"is_truncated": True},
        toRecipients=people,
        ccRecipients=people[:201],
        sender=address(AUTHOR, "x" * 100_000),
        **answers,
    )
    tasks = easyvista.sim.easyvista.ticket(service_desks.OPEN_TICKET).tasks
    text = tasks[0].description if answers else easyvista.made[0].description
    assert "Note: Only the first 1,000,000 characters of the text are here. The rest is in the mail: GET " in text
    assert "person199@contoso.com and 800 more\n" in text
    assert "person199@contoso.com and 1 more\n" in text
    assert len(text) < 20_000


@pytest.mark.parametrize(
    "evidence",
    [
        {
            "subject": f"Re: [{service_desks.OPEN_TICKET.lower()}] charge",
            "sender": address(service_desks.OPEN_TICKET_REQUESTOR),
        },
        {"subject": f"AW:{service_desks.OPEN_TICKET}: x", "sender": address(service_desks.OPEN_TICKET_REQUESTOR)},
        {"headers": {"References": f"<root@x> <{EARLIER}>"}, "sender": address(service_desks.OPEN_TICKET_REQUESTOR)},
        {"subject": service_desks.OPEN_TICKET, "trusted_domains": ["Contoso.com"]},
    ],
)
def test_evidence_from_a_participant_of_the_ticket_counts(easyvista: EasyVista, evidence: dict[str, Any]) -> None:
    threads = KnownThreads({EARLIER: Thread(service_desks.OPEN_TICKET, frozenset())})
    assert easyvista.deliver(threads=threads, **evidence) == Receipt(service_desks.OPEN_TICKET, is_reply=True)


@pytest.mark.parametrize("subject", ["XI261120_000120", "I26112_00012", "I261120_00012x", "I261120_12", "_I261120"])
def test_a_text_that_is_not_quite_a_ticket_number_is_ignored(easyvista: EasyVista, subject: str) -> None:
    receipt = easyvista.deliver(subject=subject)
    assert not receipt.is_reply
    assert easyvista.asked("GET", service_desks.OPEN_TICKET) == 0


def test_known_earlier_mails_count_more_than_the_subject(easyvista: EasyVista) -> None:
    older = easyvista.deliver(reference=OTHER_REFERENCE).ticket or ""
    receipt = easyvista.deliver(subject=f"Re: {service_desks.OPEN_TICKET}", **reply_to(older, AUTHOR))
    assert receipt.ticket == older


def test_a_stranger_with_a_guessed_number_gets_a_new_ticket(easyvista: EasyVista) -> None:
    receipt = easyvista.deliver(subject=f"Re: {service_desks.OPEN_TICKET}", sender=address("megan.bowen@contoso.com"))
    note = f"The mail names ticket {service_desks.OPEN_TICKET}, but its author does not take part in it."
    assert receipt.notes == (note,)
    assert f"Note: {note}" in easyvista.ticket(receipt).description
    assert easyvista.ticket(receipt).parent is None
    assert easyvista.sim.easyvista.ticket(service_desks.OPEN_TICKET).tasks == []


@pytest.mark.parametrize("status", [404, 403, 590, 400])
def test_a_ticket_that_cannot_be_read_leads_to_a_new_one(easyvista: EasyVista, status: int) -> None:
    easyvista.sim.faults.add(Answer(status), method="GET", path="I991231_00001$", times=None)
    receipt = easyvista.deliver(subject="Re: I991231_00001")
    assert receipt.notes == ("The mail names ticket I991231_00001, which cannot be read.",)
    assert len(easyvista.made) == 1


def test_a_conversation_alone_proves_nothing_and_is_mentioned(easyvista: EasyVista) -> None:
    threads = KnownThreads(by_conversation={"conversation-1": Thread(service_desks.OPEN_TICKET, frozenset({AUTHOR}))})
    receipt = easyvista.deliver(threads=threads)
    assert not receipt.is_reply
    assert f"Exchange counts the mail to the conversation of ticket {service_desks.OPEN_TICKET}." in receipt.notes[0]


def test_a_report_is_a_note_in_our_own_words_on_the_ticket_of_the_mail_that_failed(easyvista: EasyVista) -> None:
    threads = KnownThreads({EARLIER: Thread(service_desks.OPEN_TICKET, frozenset({AUTHOR}))})
    receipt = easyvista.deliver(
        make_file(1, "report.txt", b"x"),
        is_note=True, threads=threads, sender=DAEMON,
        screening=REPORT | {"bounced": (EARLIER,), "failed_recipients": (AUTHOR, "pay.here@fabrikam.example")},
    )  # fmt: skip
    ticket = easyvista.ticket(receipt)
    [note] = ticket.tasks
    assert receipt.ticket == service_desks.OPEN_TICKET
    assert f"Note: A mail of this ticket could not be delivered to {AUTHOR}.\n" in note.description
    assert BODY not in note.description
    assert "fabrikam" not in note.description
    assert ticket.file_names == []


def test_a_report_that_a_person_wants_delivered_is_a_ticket_of_its_own(easyvista: EasyVista) -> None:
    threads = KnownThreads({EARLIER: Thread(service_desks.OPEN_TICKET, frozenset({AUTHOR}))})
    wanted: dict[str, Any] = {"unknown_sender": "default_recipient", "default_recipient": service_desks.CATCH_ALL}
    receipt = easyvista.deliver(threads=threads, sender=DAEMON, screening=REPORT | {"bounced": (EARLIER,)}, **wanted)
    assert not receipt.is_reply
    assert (
        receipt.notes[0]
        == f"The mail reports that a mail of ticket {service_desks.OPEN_TICKET} could not be delivered."
    )


def test_a_reply_to_a_closed_ticket_becomes_a_linked_ticket(easyvista: EasyVista) -> None:
    easyvista.sim.easyvista.close(service_desks.OPEN_TICKET)
    receipt = easyvista.deliver(**reply_to(service_desks.OPEN_TICKET, AUTHOR))
    ticket = easyvista.ticket(receipt)
    assert not receipt.is_reply
    assert ticket.parent
    assert ticket.parent.rfc == service_desks.OPEN_TICKET
    assert f"Note: Follow-up of ticket {service_desks.OPEN_TICKET}, which is closed." in ticket.description


THANKS = "Thank you, all fine!\n\nBest regards\nLee Gu\nContoso"


def says(text: str) -> dict[str, Any]:
    return {"rendering": {"text": text, "new_text": text}, **reply_to(service_desks.OPEN_TICKET, AUTHOR)}


@pytest.mark.parametrize("policy", ["new_linked", "comment", "quarantine"])
@pytest.mark.parametrize("refuses", [True, False])
def test_thanks_on_a_closed_ticket_make_no_other_one(easyvista: EasyVista, policy: str, refuses: bool) -> None:
    easyvista.sim.easyvista.close(service_desks.OPEN_TICKET)
    easyvista.sim.easyvista.switches.closed_refuses = refuses
    if refuses:
        with pytest.raises(Refused) as caught:
            easyvista.deliver(closed_reply=policy, **says(THANKS))
        assert caught.value.code == "ThanksOnly"
        assert service_desks.OPEN_TICKET in caught.value.message
    else:
        assert easyvista.deliver(closed_reply=policy, **says(THANKS)).is_reply
    assert easyvista.sim.easyvista.ticket(service_desks.OPEN_TICKET).is_closed
    assert easyvista.made == []


def test_thanks_are_a_comment_on_an_open_ticket_and_set_aside_where_none_are_set_up(easyvista: EasyVista) -> None:
    assert easyvista.deliver(**says(THANKS)).is_reply
    easyvista.sim.easyvista.close(service_desks.OPEN_TICKET)
    with pytest.raises(Refused, match="only says thanks"):
        easyvista.deliver(
            comment_action_type_id=None, comment_group_mail=None, reference=OTHER_REFERENCE, **says(THANKS)
        )


def test_what_says_more_than_thanks_or_is_wanted_becomes_a_linked_ticket(easyvista: EasyVista) -> None:
    easyvista.sim.easyvista.close(service_desks.OPEN_TICKET)
    file = make_file(1, "log.txt", b"x")
    mails: list[tuple[Any, dict[str, Any]]] = [
        ((), says("Thank you, but it is broken again.")),
        ((file,), says(THANKS)),
        ((), says(THANKS) | {"is_forced": True}),
    ]
    for number, (files, mail) in enumerate(mails):
        receipt = easyvista.deliver(*files, reference=f"mail-{number:040}", **mail)
        parent = easyvista.ticket(receipt).parent
        assert parent is not None
        assert parent.rfc == service_desks.OPEN_TICKET


def test_a_reply_to_a_closed_ticket_may_go_into_quarantine(easyvista: EasyVista) -> None:
    easyvista.sim.easyvista.close(service_desks.OPEN_TICKET)
    with pytest.raises(Refused) as caught:
        easyvista.deliver(closed_reply="quarantine", **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert caught.value.code == "TicketClosed"
    assert easyvista.made == []


@pytest.mark.parametrize("refuses", [True, False])
def test_a_comment_on_a_closed_ticket_is_tried_before_a_linked_ticket(easyvista: EasyVista, refuses: bool) -> None:
    easyvista.sim.easyvista.close(service_desks.OPEN_TICKET)
    easyvista.sim.easyvista.switches.closed_refuses = refuses
    receipt = easyvista.deliver(closed_reply="comment", **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert receipt.is_reply != refuses
    assert len(easyvista.made) == int(refuses)


def test_a_ticket_that_closes_before_the_comment_gets_a_linked_ticket(easyvista: EasyVista) -> None:
    progress = MemoryProgress({"reply": service_desks.OPEN_TICKET})
    easyvista.sim.easyvista.close(service_desks.OPEN_TICKET)
    receipt = easyvista.deliver(progress=progress, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert easyvista.ticket(receipt).parent
    assert easyvista.deliver(progress=progress.next_attempt()) == receipt
    assert len(easyvista.made) == 1


def test_a_ticket_that_disappears_before_the_comment_is_replaced(easyvista: EasyVista) -> None:
    progress = MemoryProgress({"reply": "I261120_99999"})
    receipt = easyvista.deliver(progress=progress)
    assert receipt.notes == ("The mail answers ticket I261120_99999, which does not exist any more.",)
    assert easyvista.ticket(receipt).parent is None


def test_a_suspended_ticket_is_commented_and_stays_suspended(easyvista: EasyVista) -> None:
    easyvista.instance.suspend(service_desks.OPEN_TICKET)
    assert easyvista.deliver(**reply_to(service_desks.OPEN_TICKET, AUTHOR)).is_reply
    assert easyvista.instance.ticket(service_desks.OPEN_TICKET).status.label == "Suspended"
    assert easyvista.asked("PUT", service_desks.OPEN_TICKET) == 0


def test_without_an_action_type_a_reply_becomes_a_linked_ticket(easyvista: EasyVista) -> None:
    options = {"comment_action_type_id": None, "comment_group_mail": None}
    receipt = easyvista.deliver(**options, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert easyvista.ticket(receipt).parent
    assert receipt.notes == (f"Follow-up of ticket {service_desks.OPEN_TICKET}.",)


def test_a_refused_comment_on_an_open_ticket_is_final(easyvista: EasyVista) -> None:
    with pytest.raises(Rejected) as caught:
        easyvista.deliver(comment_action_type_id=999, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert caught.value.code == "CommentRefused"
    assert easyvista.made == []


@pytest.mark.parametrize("how", ["commit-then-drop", "commit-then-590"])
def test_a_comment_whose_answer_was_lost_is_not_written_twice(easyvista: EasyVista, how: Any) -> None:
    easyvista.sim.easyvista.unreliable(share=1, how=how, on=("task",))
    progress = MemoryProgress()
    for _ in range(3):
        try:
            receipt = easyvista.deliver(progress=progress, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
            break
        except OutcomeUnknown:
            progress = progress.next_attempt()
    assert receipt == Receipt(service_desks.OPEN_TICKET, is_reply=True)
    assert len(easyvista.sim.easyvista.ticket(service_desks.OPEN_TICKET).tasks) == 1


def test_a_file_of_a_reply_gets_a_name_that_the_ticket_does_not_have(easyvista: EasyVista) -> None:
    ticket = easyvista.sim.easyvista.ticket(service_desks.OPEN_TICKET)
    easyvista.instance.add_document(ticket, "log.txt", b"old")
    easyvista.sim.faults.add(Drop(), method="POST", path="/documents$", when="after")
    progress, file = MemoryProgress(), make_file(1, "log.txt", b"new")
    with pytest.raises(OutcomeUnknown):
        easyvista.deliver(file, progress=progress, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    easyvista.deliver(file, progress=progress.next_attempt(), **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert [(one.name, one.data) for one in ticket.documents] == [("log.txt", b"old"), ("2-log.txt", b"new")]


def test_a_comment_written_before_the_ticket_closed_leads_to_no_new_ticket(easyvista: EasyVista) -> None:
    easyvista.sim.faults.add(Drop(), method="POST", path="/tasks$", when="after")
    progress = MemoryProgress()
    with pytest.raises(OutcomeUnknown):
        easyvista.deliver(progress=progress, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    easyvista.sim.easyvista.close(service_desks.OPEN_TICKET)
    receipt = easyvista.deliver(progress=progress.next_attempt(), **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert receipt == Receipt(service_desks.OPEN_TICKET, is_reply=True)
    assert easyvista.made == []


def test_a_comment_that_was_saved_is_not_searched(easyvista: EasyVista) -> None:
    progress = MemoryProgress()
    easyvista.deliver(progress=progress, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    easyvista.deliver(progress=progress.next_attempt(), **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert (easyvista.asked("GET", "/actions"), easyvista.asked("POST", "/tasks")) == (0, 1)


AUTOMATIC: dict[str, Any] = {"may_reply": False, "makes_ticket": False, "evidence": ("Auto-Submitted: auto-replied",)}
REPORT: dict[str, Any] = AUTOMATIC | {"is_bounce": True, "failed_recipients": (service_desks.OPEN_TICKET_REQUESTOR,)}
DAEMON = address("mailer-daemon@contoso.com")


def test_an_automatic_reply_of_a_participant_is_a_note_that_says_so(easyvista: EasyVista) -> None:
    receipt = easyvista.deliver(is_note=True, screening=AUTOMATIC, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    [note] = easyvista.sim.easyvista.ticket(service_desks.OPEN_TICKET).tasks
    assert receipt.is_reply
    assert "Note: This is an automatic mail. Nobody was answered." in note.description


@pytest.mark.parametrize("subject", ["Undeliverable: [{}] Notebook", "Unzustellbar: {}", "Non remis : {} portable"])
def test_a_report_about_a_notification_is_a_note_of_the_ticket_in_its_subject(
    easyvista: EasyVista, subject: str
) -> None:
    receipt = easyvista.deliver(
        is_note=True, screening=REPORT, sender=DAEMON, subject=subject.format(service_desks.OPEN_TICKET)
    )
    [note] = easyvista.sim.easyvista.ticket(service_desks.OPEN_TICKET).tasks
    said = f"A mail of this ticket could not be delivered to {service_desks.OPEN_TICKET_REQUESTOR}."
    assert receipt == Receipt(service_desks.OPEN_TICKET, is_reply=True, notes=(said,))
    assert f"Note: {said}" in note.description


def test_a_report_about_somebody_else_is_no_note(easyvista: EasyVista) -> None:
    screening = REPORT | {"failed_recipients": ("mallory@fabrikam.example",)}
    with pytest.raises(Refused) as caught:
        easyvista.deliver(is_note=True, screening=screening, sender=DAEMON, subject=service_desks.OPEN_TICKET)
    assert caught.value.code == "AutomaticMail"
    assert easyvista.sim.easyvista.ticket(service_desks.OPEN_TICKET).tasks == []


def test_an_automatic_mail_reopens_nothing_and_makes_no_ticket(easyvista: EasyVista) -> None:
    easyvista.sim.easyvista.close(service_desks.OPEN_TICKET)
    choices: list[dict[str, Any]] = [{}, {"closed_reply": "comment"}]
    for more in choices:
        with pytest.raises(Refused) as caught:
            easyvista.deliver(is_note=True, screening=AUTOMATIC, **more, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
        assert caught.value.code == "AutomaticMail"
        assert "which is closed" in caught.value.message
    assert easyvista.made == []
    assert easyvista.sim.easyvista.ticket(service_desks.OPEN_TICKET).tasks == []


def test_without_comments_an_automatic_mail_is_set_aside(easyvista: EasyVista) -> None:
    with pytest.raises(Refused, match="comments are not set up"):
        easyvista.deliver(
            is_note=True, screening=AUTOMATIC, comment_action_type_id=None, comment_group_mail=None,
            **reply_to(service_desks.OPEN_TICKET, AUTHOR),
        )  # fmt: skip


# -- joined by hand


def test_a_mail_that_a_person_joined_is_a_comment_whoever_wrote_it(easyvista: EasyVista) -> None:
    rfc = service_desks.OPEN_TICKET
    assert easyvista.sink().check_ticket(rfc.lower()) == rfc
    receipt = easyvista.deliver(join=rfc, sender=address("stranger@fabrikam.example"))
    assert (receipt.ticket, receipt.is_reply) == (rfc, True)
    [comment] = easyvista.sim.easyvista.ticket(rfc).tasks
    assert "Note: A person joined this mail to the ticket." in comment.description
    assert BODY in comment.description
    assert easyvista.made == []


@pytest.mark.parametrize("policy", ["new_linked", "quarantine"])
def test_a_joined_mail_never_becomes_a_ticket_of_its_own(easyvista: EasyVista, policy: str) -> None:
    rfc = service_desks.OPEN_TICKET
    easyvista.sim.easyvista.close(rfc)
    with pytest.raises(Refused) as closed:
        easyvista.deliver(join=rfc, closed_reply=policy)
    with pytest.raises(Refused) as gone:
        easyvista.deliver(join="I991231_00001", closed_reply=policy)
    assert (closed.value.code, gone.value.code) == ("TicketClosed", "TicketNotFound")
    progress = MemoryProgress({"reply": rfc})
    with pytest.raises(Refused) as late:
        easyvista.deliver(join=rfc, closed_reply=policy, progress=progress)
    assert late.value.code == "TicketClosed"
    assert easyvista.made == []


@pytest.mark.parametrize(
    ("ticket", "options", "code"),
    [
        ("I991231_00001", {}, "TicketNotFound"),
        (service_desks.OPEN_TICKET, {}, "TicketClosed"),
        (service_desks.OPEN_TICKET, {"comment_action_type_id": None, "comment_group_mail": None}, "CommentsNotSetUp"),
    ],
)
def test_a_ticket_that_takes_no_comment_is_refused_at_once(
    easyvista: EasyVista, ticket: str, options: dict[str, Any], code: str
) -> None:
    easyvista.sim.easyvista.close(service_desks.OPEN_TICKET)
    with pytest.raises(Refused) as refusal:
        easyvista.sink(**options).check_ticket(ticket)
    assert refusal.value.code == code


def test_a_joined_mail_whose_answer_is_lost_is_one_comment(easyvista: EasyVista) -> None:
    rfc, progress = service_desks.OPEN_TICKET, MemoryProgress()
    easyvista.sim.faults.add(Drop(), method="POST", path="/tasks$", when="after")
    with pytest.raises(OutcomeUnknown):
        easyvista.deliver(join=rfc, progress=progress)
    reference = make_prepared_mail().reference
    assert easyvista.sink().find_mail(reference, progress.values, interrupted=True) == Look(is_there=True, ticket=rfc)
    easyvista.deliver(join=rfc, progress=progress.next_attempt())
    assert len(easyvista.sim.easyvista.ticket(rfc).tasks) == 1


def test_a_mail_is_found_by_its_reference_and_not_asked_for_if_nothing_was_begun(easyvista: EasyVista) -> None:
    reference = make_prepared_mail().reference
    sink = easyvista.sink()
    assert sink.find_mail(reference, {}, interrupted=False) == Look(is_there=False)
    assert easyvista.asked("GET", "/requests") == 0
    assert sink.find_mail(reference, {}, interrupted=True) == Look(is_there=False)
    receipt = easyvista.deliver()
    assert sink.find_mail(reference, {}, interrupted=True) == Look(is_there=True, ticket=receipt.ticket)
    assert sink.find_mail(reference, {"reply": service_desks.OPEN_TICKET}, interrupted=True).ticket == receipt.ticket


def test_the_notice_of_a_loop_is_a_ticket_of_its_own(easyvista: EasyVista) -> None:
    begin = datetime(2026, 11, 23, 9, tzinfo=UTC)
    loop = LoopNotice(AUTHOR, begin, begin + timedelta(hours=1), 20, 3, "GET mailboxes/support/mails?state=loop")
    receipt = easyvista.deliver(
        loop=loop, rendering={"title": loop.title}, **reply_to(service_desks.OPEN_TICKET, AUTHOR)
    )
    ticket = easyvista.ticket(receipt)
    assert not receipt.is_reply
    assert ticket.title == f"Loop suspected: {AUTHOR}"
    for part in (AUTHOR, "20 tickets and 3 comments", "2026-11-23 09:00 to 10:00 UTC", loop.rest, BODY):
        assert part in ticket.description
    assert easyvista.sim.easyvista.ticket(service_desks.OPEN_TICKET).tasks == []
