"""Files of earlier mails are known by their bytes: pictures by author, and files by ticket."""

import hashlib
from typing import Any

import pytest

from inbound_mail.content.files import SeenFiles
from tests.functional.mail.conftest import MailScenario
from twin.mail.contents import File

pytestmark = pytest.mark.usefixtures("rows_in_memory")

LOGO, LOG = b"logo", b"log"
KIM, LEE = "kim@example.com", "lee@example.com"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def send(scenario: MailScenario, subject: str, sender: str = LEE, **more: Any) -> None:
    logo = File("logo.png", "image/png", LOGO, inline=True, content_id="logo")
    files = [logo, File("log.txt", "text/plain", LOG), File("empty.txt", "text/plain", b"")]
    scenario.receive(subject=subject, sender=sender, html='<img src="cid:logo">', attachments=files, **more)
    scenario.run()


def seen(scenario: MailScenario, number: int, ticket: str | None) -> SeenFiles:
    prepared = scenario.sink.received[number]
    return prepared.known_files.find(prepared.mail, ticket)


def test_the_first_mail_knows_nothing_and_the_next_one_its_picture(scenario: MailScenario) -> None:
    send(scenario, "First")
    assert seen(scenario, 0, None) == SeenFiles()  # not even after it was delivered: it is the mail itself
    assert seen(scenario, 0, "T-1") == SeenFiles()
    send(scenario, "Second")
    assert seen(scenario, 1, None).by_author == {sha256(LOGO)}
    assert seen(scenario, 1, None).in_thread == frozenset()


def test_a_picture_of_one_author_says_nothing_of_another(scenario: MailScenario) -> None:
    send(scenario, "First")
    send(scenario, "Second", KIM)
    assert seen(scenario, 1, None) == SeenFiles()


def test_a_ticket_knows_every_file_that_it_got_but_not_empty_ones(scenario: MailScenario) -> None:
    send(scenario, "First")
    send(scenario, "Second", KIM)
    assert seen(scenario, 1, "T-1").in_thread == {sha256(LOGO), sha256(LOG)}
    assert seen(scenario, 1, "T-9").in_thread == frozenset()
