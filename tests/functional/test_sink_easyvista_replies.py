"""Replies become comments, or tickets of their own where they may not."""

from typing import Any

import pytest

from inbound_mail.sinks.protocol import Receipt, Thread
from shared.errors import OutcomeUnknown, Refused, Rejected
from tests.functional.easyvista_sink import EARLIER, OTHER_REFERENCE, Desk, here, running
from tests.functional.prepared_mails import AUTHOR, KnownThreads, MemoryProgress, address, make_file, make_prepared_mail
from twin import Answer, Drop
from twin.seeds import service_desks

__all__ = ["here", "running"]


def reply_to(rfc: str, *participants: str) -> dict[str, Any]:
    """A mail that answers one that we know."""
    threads = KnownThreads({EARLIER: Thread(rfc, frozenset(participants))})
    return {"threads": threads, "headers": {"In-Reply-To": f"<{EARLIER}>"}}


def test_a_reply_becomes_a_comment_that_shows_and_brings_its_files(here: Desk) -> None:
    new = {"text": "all of it", "new_text": "only the new"}
    receipt = here.deliver(make_file(1, "a.txt", b"x"), rendering=new, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    ticket = here.sim.easyvista.ticket(service_desks.OPEN_TICKET)
    [comment] = ticket.tasks
    assert receipt == Receipt(service_desks.OPEN_TICKET, is_reply=True)
    assert comment.ended is not None
    assert comment.type.id == service_desks.PUBLIC_COMMENT
    assert comment.group
    assert comment.group.e_mail == service_desks.GROUP
    assert "only the new" in comment.description
    assert "all of it" not in comment.description
    assert comment.description.splitlines()[-1] == f"Reference: {make_prepared_mail().reference}"
    assert ticket.file_names == ["a.txt"]
    assert here.made == []


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
def test_evidence_from_somebody_who_has_to_do_with_the_ticket_counts(here: Desk, evidence: dict[str, Any]) -> None:
    threads = KnownThreads({EARLIER: Thread(service_desks.OPEN_TICKET, frozenset())})
    assert here.deliver(threads=threads, **evidence) == Receipt(service_desks.OPEN_TICKET, is_reply=True)


@pytest.mark.parametrize("subject", ["XI261120_000120", "I26112_00012", "I261120_00012x", "I261120_12", "_I261120"])
def test_what_only_looks_like_a_number_is_none(here: Desk, subject: str) -> None:
    receipt = here.deliver(subject=subject)
    assert not receipt.is_reply
    assert here.asked("GET", service_desks.OPEN_TICKET) == 0


def test_what_we_know_of_earlier_mails_counts_more_than_the_subject(here: Desk) -> None:
    older = here.deliver(reference=OTHER_REFERENCE).ticket or ""
    receipt = here.deliver(subject=f"Re: {service_desks.OPEN_TICKET}", **reply_to(older, AUTHOR))
    assert receipt.ticket == older


def test_a_stranger_with_a_guessed_number_gets_a_ticket_of_its_own(here: Desk) -> None:
    receipt = here.deliver(subject=f"Re: {service_desks.OPEN_TICKET}", sender=address("megan.bowen@contoso.com"))
    note = f"The mail names ticket {service_desks.OPEN_TICKET}; its author has no part in that one."
    assert receipt.notes == (note,)
    assert f"Note: {note}" in here.ticket(receipt).description
    assert here.ticket(receipt).parent is None
    assert here.sim.easyvista.ticket(service_desks.OPEN_TICKET).tasks == []


@pytest.mark.parametrize("status", [404, 403, 590, 400])
def test_a_number_that_cannot_be_read_leads_to_a_new_ticket_and_stops_nothing(here: Desk, status: int) -> None:
    here.sim.faults.add(Answer(status), method="GET", path="I991231_00001$", times=None)
    receipt = here.deliver(subject="Re: I991231_00001")
    assert receipt.notes == ("The mail names ticket I991231_00001, which cannot be read.",)
    assert len(here.made) == 1


def test_a_conversation_counts_for_those_who_took_part_in_it(here: Desk) -> None:
    threads = KnownThreads(by_conversation={"conversation-1": Thread(service_desks.OPEN_TICKET, frozenset({AUTHOR}))})
    assert here.deliver(threads=threads).is_reply
    stranger = here.deliver(threads=threads, reference=OTHER_REFERENCE, sender=address("megan.bowen@contoso.com"))
    assert stranger == Receipt(here.made[0].rfc)


def test_a_report_of_failed_delivery_belongs_to_the_ticket_of_the_mail_it_speaks_of(here: Desk) -> None:
    threads = KnownThreads({EARLIER: Thread(service_desks.OPEN_TICKET, frozenset({AUTHOR}))})
    screening = {"is_bounce": True, "bounced": (EARLIER,)}
    sender = address("mailer-daemon@contoso.com")
    assert here.deliver(threads=threads, screening=screening, sender=sender).ticket == service_desks.OPEN_TICKET


def test_a_reply_to_a_closed_ticket_becomes_a_linked_one(here: Desk) -> None:
    here.sim.easyvista.close(service_desks.OPEN_TICKET)
    receipt = here.deliver(**reply_to(service_desks.OPEN_TICKET, AUTHOR))
    ticket = here.ticket(receipt)
    assert not receipt.is_reply
    assert ticket.parent
    assert ticket.parent.rfc == service_desks.OPEN_TICKET
    assert f"Note: Follow-up of ticket {service_desks.OPEN_TICKET}, which is closed." in ticket.description


def test_a_reply_to_a_closed_ticket_may_go_into_quarantine(here: Desk) -> None:
    here.sim.easyvista.close(service_desks.OPEN_TICKET)
    with pytest.raises(Refused) as caught:
        here.deliver(closed_reply="quarantine", **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert caught.value.code == "TicketClosed"
    assert here.made == []


@pytest.mark.parametrize("refuses", [True, False])
def test_a_comment_on_a_closed_ticket_is_tried_and_else_linked(here: Desk, refuses: bool) -> None:
    here.sim.easyvista.close(service_desks.OPEN_TICKET)
    here.sim.easyvista.switches.closed_refuses = refuses
    receipt = here.deliver(closed_reply="comment", **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert receipt.is_reply != refuses
    assert len(here.made) == int(refuses)


def test_a_ticket_that_closes_between_look_and_comment_gets_a_successor(here: Desk) -> None:
    progress = MemoryProgress({"reply": service_desks.OPEN_TICKET})
    here.sim.easyvista.close(service_desks.OPEN_TICKET)
    receipt = here.deliver(progress=progress, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert here.ticket(receipt).parent
    assert here.deliver(progress=progress.next_attempt()) == receipt
    assert len(here.made) == 1


def test_a_ticket_that_vanishes_between_look_and_comment_gets_a_successor(here: Desk) -> None:
    progress = MemoryProgress({"reply": "I261120_99999"})
    receipt = here.deliver(progress=progress)
    assert receipt.notes == ("The mail answers ticket I261120_99999, which is not there any more.",)
    assert here.ticket(receipt).parent is None


def test_a_suspended_ticket_is_commented_and_stays_suspended(here: Desk) -> None:
    here.instance.suspend(service_desks.OPEN_TICKET)
    assert here.deliver(**reply_to(service_desks.OPEN_TICKET, AUTHOR)).is_reply
    assert here.instance.ticket(service_desks.OPEN_TICKET).status.label == "Suspended"
    assert here.asked("PUT", service_desks.OPEN_TICKET) == 0


def test_without_a_type_for_comments_a_reply_becomes_a_linked_ticket(here: Desk) -> None:
    options = {"comment_action_type_id": None, "comment_group_mail": None}
    receipt = here.deliver(**options, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert here.ticket(receipt).parent
    assert receipt.notes == (f"Follow-up of ticket {service_desks.OPEN_TICKET}.",)


def test_a_refused_comment_on_an_open_ticket_is_final(here: Desk) -> None:
    with pytest.raises(Rejected) as caught:
        here.deliver(comment_action_type_id=999, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert caught.value.code == "CommentRefused"
    assert here.made == []


@pytest.mark.parametrize("how", ["commit-then-drop", "commit-then-590"])
def test_a_comment_whose_answer_was_lost_is_not_written_twice(here: Desk, how: Any) -> None:
    here.sim.easyvista.unreliable(share=1, how=how, on=("task",))
    progress = MemoryProgress()
    for _ in range(3):
        try:
            receipt = here.deliver(progress=progress, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
            break
        except OutcomeUnknown:
            progress = progress.next_attempt()
    assert receipt == Receipt(service_desks.OPEN_TICKET, is_reply=True)
    assert len(here.sim.easyvista.ticket(service_desks.OPEN_TICKET).tasks) == 1


def test_a_file_of_a_reply_does_not_pass_for_an_older_one_of_the_same_name(here: Desk) -> None:
    ticket = here.sim.easyvista.ticket(service_desks.OPEN_TICKET)
    here.instance.add_document(ticket, "log.txt", b"old")
    here.sim.faults.add(Drop(), method="POST", path="/documents$", when="after")
    progress, file = MemoryProgress(), make_file(1, "log.txt", b"new")
    with pytest.raises(OutcomeUnknown):
        here.deliver(file, progress=progress, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    here.deliver(file, progress=progress.next_attempt(), **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert [(one.name, one.data) for one in ticket.documents] == [("log.txt", b"old"), ("2-log.txt", b"new")]


def test_a_comment_that_was_written_before_the_ticket_closed_gets_no_successor(here: Desk) -> None:
    here.sim.faults.add(Drop(), method="POST", path="/tasks$", when="after")
    progress = MemoryProgress()
    with pytest.raises(OutcomeUnknown):
        here.deliver(progress=progress, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    here.sim.easyvista.close(service_desks.OPEN_TICKET)
    receipt = here.deliver(progress=progress.next_attempt(), **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert receipt == Receipt(service_desks.OPEN_TICKET, is_reply=True)
    assert here.made == []


def test_a_comment_that_is_known_to_be_written_is_not_looked_for(here: Desk) -> None:
    progress = MemoryProgress()
    here.deliver(progress=progress, **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    here.deliver(progress=progress.next_attempt(), **reply_to(service_desks.OPEN_TICKET, AUTHOR))
    assert (here.asked("GET", "/actions"), here.asked("POST", "/tasks")) == (0, 1)
