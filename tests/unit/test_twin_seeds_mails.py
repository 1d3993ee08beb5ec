from datetime import date, timedelta

import pytest

from twin.entra.state import Entra
from twin.mail.mailbox import Mailbox
from twin.mail.permissions import WRITE
from twin.mail.state import Mail
from twin.seeds import mails, sample, tiny
from twin.seeds.service_desks import OPEN_TICKET
from twin.world import World

DAY = date(2026, 5, 5)
ADDRESSES = (mails.SUPPORT, mails.FACILITIES, mails.SECURITY)


@pytest.fixture(scope="module")
def world() -> World:
    return sample.build(DAY)


@pytest.fixture(scope="module", params=ADDRESSES)
def box(world: World, request: pytest.FixtureRequest) -> Mailbox:
    return world.state(Mail).mailbox(request.param)


def test_a_dozen_mails_came_over_the_last_days(world: World, box: Mailbox) -> None:
    now = world.clock.now()
    received = [message.received for message in box.messages("inbox")]

    assert len(received) == 12
    assert received == sorted(received)
    assert now - timedelta(days=5) < received[0] < now - timedelta(days=2)
    assert now - timedelta(hours=2) < received[-1] < now


def test_there_is_one_of_every_kind_that_gives_trouble(box: Mailbox) -> None:
    made = box.messages()
    headers = [{line["name"]: line["value"] for line in one.draft.headers or []} for one in made]

    assert {one.draft.values["body"]["contentType"] for one in made} == {"text", "html"}
    assert [one for one in made if one.attachments and not one.has_attachments], "inline pictures only"
    assert {each.kind for one in made for each in one.attachments} == {"file", "item", "reference"}
    assert [one for one in made if one.internet_message_id is None]
    assert [one for one in made if OPEN_TICKET in (one.subject or "")]
    assert [one for one in headers if one.get("Auto-Submitted") and "Return-Path" not in one]
    assert [one for one in headers if one.get("Return-Path") == "<>"]
    assert [one for one in headers if "List-Unsubscribe" in one]
    assert [one for one in made if one.importance == "high"]


def test_pictures_and_papers_are_real(box: Mailbox) -> None:
    files = {each.name: each.content.whole() for one in box.messages() for each in one.attachments}

    assert files["image001.png"].startswith(b"\x89PNG\r\n\x1a\n")
    assert files["scan0001.pdf"].startswith(b"%PDF-1.4")
    assert files["scan0001.pdf"].rstrip().endswith(b"%%EOF")


def test_the_app_may_read_and_write_mail(world: World) -> None:
    principal = world.state(Entra).tenant(sample.TENANT_ID).principals[sample.CLIENT_ID]

    assert (WRITE in principal.exchange_roles, WRITE in principal.roles) == (True, False)


def test_object_ids_stay_the_same() -> None:
    ids = [[sample.build(DAY).state(Mail).mailbox(address).object_id for address in ADDRESSES] for _ in range(2)]

    assert ids[0] == ids[1]


def test_the_small_world_has_two_empty_mailboxes() -> None:
    found = tiny.build().state(Mail).mailboxes.values()

    assert [(one.address, one.messages()) for one in found] == [(mails.SUPPORT, []), (mails.SECOND, [])]
