"""The webhook sink: its events, their signature, the meaning of answers, and the secrecy of a flow's address."""

import base64
import hashlib
import json
import time
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks.webhooks import Webhook

from inbound_mail.content.belonging import Thread
from inbound_mail.content.models import Attachment, AttachmentKind
from inbound_mail.content.rules import MatchedRule
from inbound_mail.sinks import check_sink
from inbound_mail.sinks.protocol import LoopNotice, Receipt
from shared.errors import ConfigurationError, OutcomeUnknown, Refused, TimedOut, Unavailable
from shared.settings.mail_settings import SinkSettings
from shared.transport import Transport
from tests.functional.prepared_mails import (
    AUTHOR,
    BODY,
    STRANGER,
    KnownThreads,
    MemoryProgress,
    SeenBefore,
    Vault,
    address,
    make_file,
    make_prepared_mail,
    make_sink,
)
from twin import Answer, Delay, Drop, Simulator
from twin.client import redirected_to
from twin.seeds import service_desks, tiny
from twin.webhook.state import Delivery

EARLIER = "earlier@mail.example.com"
REASON = "a link to a file in the cloud; the mail in support@contoso.com has it"
NEW_KEY = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Hooks:
    """A sink and its receiver."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.vault = Vault(key=service_desks.webhook_key(), new=NEW_KEY, flow=service_desks.flow_url())
        sim.webhooks.check_signatures([service_desks.webhook_key()], refuse=True)
        self.base_url = ""

    def deliver(self, *files: Any, progress: MemoryProgress | None = None, **more: Any) -> Receipt:
        options = {"url": service_desks.HOOK_URL, "signing_keys": ["key"]} | more.pop("options", {})
        kept = {name: value for name, value in options.items() if value is not None}
        assert list(check_sink(SinkSettings("hook", "webhook", kept))) == []
        sink = make_sink("webhook", kept, self.vault, base_url=self.base_url)
        return sink.deliver(make_prepared_mail(*files, **more), progress or MemoryProgress())

    @property
    def last(self) -> Delivery:
        return self.sim.webhooks.deliveries[-1]


FLOW = {"url": None, "url_secret": "flow", "preset": "power-automate", "signing_keys": None}


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(tiny.build(), latency=0).running() as started, redirected_to(started):
        yield started


@pytest.fixture
def hooks(running: Simulator) -> Hooks:
    running.reset()
    return Hooks(running)


def known(*participants: str) -> KnownThreads:
    return KnownThreads({EARLIER: Thread("T-17", frozenset(participants or (AUTHOR,)))})


# -- the event


def test_the_event_is_a_cloud_event_with_the_whole_mail(hooks: Hooks) -> None:
    file = make_file(1, "log.txt", b"hello", content_type="text/plain")
    link = Attachment(2, "Plan.docx", "", 0, AttachmentKind.REFERENCE, omitted="a link")
    rendering = {"text": "all", "new_text": "new", "was_cut": True, "html": "<p>all</p>"}
    hooks.deliver(file, (link, b""), rendering=rendering, headers={"References": "<a@x> <b@x>"})
    sent = hooks.last
    event = from_structured_event(HTTPMessage(dict(sent.headers), sent.body), JSONFormat())
    assert event.get_attributes() == {
        "specversion": "1.0",
        "id": make_prepared_mail().reference,
        "source": "/gateway/support",
        "type": "mail.received.v1",
        "time": datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        "datacontenttype": "application/json",
    }
    assert event.get_data() == {
        "mailbox": "support",
        "mailboxAddress": "support@contoso.com",
        "messageId": "CAF1234@mail.example.com",
        "inReplyTo": ["b@x", "a@x"],
        "conversationId": "conversation-1",
        "from": AUTHOR,
        "fromName": "Lee Gu",
        "to": ["support@contoso.com"],
        "cc": ["megan.bowen@contoso.com"],
        "subject": "Printer on fire",
        "importance": "normal",
        "screening": {"mayReply": True, "makesTicket": True, "isBounce": False, "evidence": []},
        "authorIsParticipant": False,
        "requestor": {"address": AUTHOR, "name": "Lee Gu", "basis": "from"},
        "bodyText": "all",
        "newText": "new",
        "attachments": [
            {
                "name": "log.txt",
                "safeName": "log.txt",
                "contentType": "text/plain",
                "size": 5,
                "sha256": hashlib.sha256(b"hello").hexdigest(),
                "contentBase64": "aGVsbG8=",
            },
            {
                "name": "Plan.docx",
                "safeName": "Plan.docx",
                "contentType": "application/octet-stream",
                "size": 0,
                "sha256": None,
                "omitted": "a link",
                "reason": REASON,
            },
        ],
    }


def test_an_event_has_the_rule_of_its_mail(hooks: Hooks) -> None:
    hooks.deliver(rule=MatchedRule("vpn", "network", "VPN", 2, {"e_from": "{sender}"}))
    assert json.loads(hooks.last.body)["data"]["rule"] == {
        "name": "vpn", "sink": "network", "catalogEntry": "VPN", "urgency": 2, "customFields": {"e_from": AUTHOR},
    }  # fmt: skip


def test_an_event_names_a_loop(hooks: Hooks) -> None:
    begin = datetime(2026, 11, 23, 9, tzinfo=UTC)
    loop = LoopNotice(AUTHOR, begin, begin + timedelta(hours=1), 20, 3, "GET mailboxes/support/mails?state=loop")
    threads = KnownThreads({"a@x": Thread("T-1", frozenset({AUTHOR}))})
    hooks.deliver(loop=loop, threads=threads, headers={"In-Reply-To": "<a@x>"})
    event = json.loads(hooks.last.body)
    assert (event["type"], event.get("subject")) == ("mail.received.v1", None)
    assert event["data"]["subject"] == f"Loop suspected: {AUTHOR}"
    assert event["data"]["loopSuspected"] == {
        "correspondent": AUTHOR, "begin": "2026-11-23T09:00:00Z", "end": "2026-11-23T10:00:00Z",
        "tickets": 20, "comments": 3, "rest": loop.rest,
    }  # fmt: skip


def test_an_event_of_a_mail_without_end_says_what_is_a_part_and_where_the_whole_is(hooks: Hooks) -> None:
    people = [{"emailAddress": {"address": f"person{number}@contoso.com"}} for number in range(1000)]
    hooks.deliver(
        rendering={"is_truncated": True},
        subject="x" * 100_000,
        toRecipients=people,
        ccRecipients=people[:200],
        headers={"References": " ".join(f"<{number}@contoso.com>" for number in range(101))},
    )
    data = hooks.last.json["data"]
    assert data["truncated"] == ["inReplyTo", "to", "subject", "bodyText"]
    assert data["wholeMail"] == "mailboxes/support/mails/0a1b2c3d"
    assert [len(data[name]) for name in ("inReplyTo", "to", "cc", "subject")] == [100, 200, 200, 2000]
    hooks.deliver(reference="mail-" + "2" * 40)
    assert not {"truncated", "wholeMail"} & hooks.last.json["data"].keys()


def test_sanitised_html_is_sent_if_the_option_says_so(hooks: Hooks) -> None:
    hooks.deliver(rendering={"html": "<p>all</p>"}, options={"body": "html"})
    assert hooks.last.json["data"]["bodyHtml"] == "<p>all</p>"


def test_a_reply_names_the_ticket_of_the_mail_it_answers(hooks: Hooks) -> None:
    hooks.deliver(threads=known(), headers={"In-Reply-To": f"<{EARLIER}>"})
    assert (hooks.last.json["type"], hooks.last.json["subject"]) == ("mail.reply.v1", "T-17")


def test_the_ticket_of_a_reply_is_fixed_by_the_first_attempt(hooks: Hooks) -> None:
    hooks.sim.webhooks.answer(500, times=1)
    progress = MemoryProgress()
    with pytest.raises(OutcomeUnknown):
        hooks.deliver(progress=progress, headers={"In-Reply-To": f"<{EARLIER}>"})
    hooks.deliver(progress=progress.next_attempt(), threads=known(), headers={"In-Reply-To": f"<{EARLIER}>"})
    first, second = hooks.sim.webhooks.deliveries
    assert (first.body, first.id) == (second.body, second.id)


def test_a_decision_of_an_earlier_version_that_asked_for_no_author_is_taken_again(hooks: Hooks) -> None:
    stranger: dict[str, Any] = {
        "sender": address(STRANGER),
        "threads": known(),
        "headers": {"In-Reply-To": f"<{EARLIER}>"},
    }
    hooks.deliver(progress=MemoryProgress({"answers": "T-17"}), **stranger)
    assert hooks.last.json["type"] == "mail.received.v1"
    hooks.sim.webhooks.clear()
    sent = MemoryProgress({"answers": "T-17", "sent": True, "ticket": None})
    assert hooks.deliver(progress=sent, **stranger) == Receipt("T-17", is_reply=True)
    assert hooks.sim.webhooks.deliveries == []


def test_an_automatic_reply_of_a_participant_is_a_note(hooks: Hooks) -> None:
    automatic: dict[str, Any] = {
        "is_note": True, "screening": {"may_reply": False, "makes_ticket": False, "evidence": ("Auto-Submitted: x",)},
        "threads": known(), "headers": {"In-Reply-To": f"<{EARLIER}>"}, "subject": "Abwesend bis Montag",
    }  # fmt: skip
    hooks.deliver(**automatic)
    event = hooks.last.json
    assert (event["type"], event["subject"], event["data"]["bodyText"]) == ("mail.note.v1", "T-17", BODY)
    assert event["data"]["authorIsParticipant"] is True
    with pytest.raises(Refused, match="its author does not take part in it") as caught:
        hooks.deliver(sender=address(STRANGER), **automatic)
    assert caught.value.code == "AutomaticMail"


def test_attachments_too_large_for_the_event_are_sent_as_links(hooks: Hooks) -> None:
    files = [make_file(1, "a", b"x" * 700), make_file(2, "b", b"x" * 700), make_file(3, "c", b"x" * 300)]
    hooks.base_url = "https://gateway.example/api"
    hooks.deliver(*files, options={"inline_kib": 1})
    described = hooks.last.json["data"]["attachments"]
    assert ["contentBase64" in one for one in described] == [True, False, True]
    path = "mailboxes/support/mails/0a1b2c3d/attachments/2"
    assert described[1]["url"] == f"https://gateway.example/api/{path}"
    hooks.base_url = ""
    hooks.deliver(*files, options={"inline_kib": 1}, reference="mail-" + "1" * 40)
    assert hooks.last.json["data"]["attachments"][1]["path"] == path


def test_every_attachment_is_in_the_event_with_the_reason_why_a_ticket_does_not_need_it(hooks: Hooks) -> None:
    picture = {"is_inline": True, "content_type": "image/png"}
    files = [
        make_file(1, "logo.png", b"logo", content_id="logo", **picture),
        make_file(2, "old.png", b"old", content_id="old", **picture),
        make_file(3, "log.txt", b"log"),
        make_file(4, "new.txt", b"new"),
        (Attachment(5, "R.mp4", "", 0, AttachmentKind.REFERENCE, omitted="Link", url="https://x.example/R.mp4"), b""),
    ]
    rendering = {
        "html": "<img>", "was_cut": True, "history_content_ids": frozenset({"old"}),
        "referenced_content_ids": frozenset({"logo", "old"}),
    }  # fmt: skip
    seen = SeenBefore(
        frozenset({hashlib.sha256(b"logo").hexdigest()}), {"T-17": frozenset({hashlib.sha256(b"log").hexdigest()})}
    )
    answer: dict[str, Any] = {"threads": known(), "headers": {"In-Reply-To": f"<{EARLIER}>"}}
    receipt = hooks.deliver(*files, seen=seen, rendering=rendering, history_in="T-17", **answer)
    shown = hooks.last.json["data"]["attachments"]
    assert [(one["name"], one.get("reason"), one.get("isDecoration")) for one in shown] == [
        ("logo.png", "known from earlier mails of this author", True),
        ("old.png", "in the quoted history", True),
        ("log.txt", "already attached to this ticket", None),
        ("new.txt", None, None),
        ("R.mp4", "a link to a file in the cloud", None),
    ]
    assert shown[4]["link"] == "https://x.example/R.mp4"
    assert ["contentBase64" in one for one in shown] == [False, False, False, True, False]
    assert shown[2]["path"].endswith("/attachments/3")
    assert shown[4]["url"] == "https://x.example/R.mp4"
    assert receipt.files == (hashlib.sha256(b"new").hexdigest(),)


def test_what_a_mail_brings_breaks_no_header_path_or_line_of_who_reads_the_event(hooks: Hooks) -> None:
    files = [
        make_file(1, "../../etc/\u202etxt.exe", b"1", content_type="text/plain\r\nX-Evil: 1"),
        make_file(2, "CON.txt", b"2", content_type="text/plain; name=CON.txt"),
        make_file(3, "a\0b\r\n.txt ", b"3", content_type="\0"),
    ]
    sender = {"emailAddress": {"address": AUTHOR, "name": "Lee\r\nBcc: all@contoso.com"}}
    hooks.deliver(*files, subject="Printer\r\nBcc: all@contoso.com\u202e\0", sender=sender)
    data = hooks.last.json["data"]
    assert (data["subject"], data["fromName"]) == ("Printer  Bcc: all@contoso.com  ", "Lee  Bcc: all@contoso.com")
    assert [(one["safeName"], one["contentType"]) for one in data["attachments"]] == [
        ("_.._etc_ txt.exe", "application/octet-stream"),
        ("_CON.txt", "text/plain"),
        ("a b .txt", "application/octet-stream"),
    ]
    assert data["attachments"][0]["name"] == "../../etc/\u202etxt.exe"


def test_a_file_that_the_gateway_did_not_read_comes_with_reason_and_the_link_to_the_mail(hooks: Hooks) -> None:
    huge = Attachment(1, "dump.zip", "", 160_000_000, AttachmentKind.FILE, omitted="TooLarge")
    hooks.deliver((huge, b""), webLink="https://outlook.office365.com/owa/?ItemID=1")
    [shown] = hooks.last.json["data"]["attachments"]
    assert shown["omitted"] == "TooLarge"
    assert shown["reason"].startswith("152.6 MiB, more than the gateway reads from this mailbox; the mail in support@")
    assert shown["link"] == "https://outlook.office365.com/owa/?ItemID=1"


def test_a_picture_of_the_history_is_kept_if_the_cut_text_stands_in_another_ticket(hooks: Hooks) -> None:
    old = make_file(1, "old.png", b"old", content_id="old", is_inline=True, content_type="image/png")
    cut = {"was_cut": True, "history_content_ids": frozenset({"old"}), "referenced_content_ids": frozenset({"old"})}
    headers = {"In-Reply-To": f"<{EARLIER}>"}
    for number, ticket in enumerate((None, "T-18", "T-17")):
        hooks.deliver(
            old, rendering=cut, history_in=ticket, threads=known(), headers=headers, reference=f"mail-{number:040}"
        )
    described = [seen.json["data"]["attachments"][0] for seen in hooks.sim.webhooks.deliveries]
    assert ["isDecoration" in one for one in described] == [False, False, True]


# -- the signature


def test_the_signature_equals_the_example_of_the_specification() -> None:
    secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    body = '{"specversion":"1.0","id":"mail-1","data":{"subject":"Café"}}'
    signed = Webhook(secret).sign("mail-1", datetime.fromtimestamp(1763856000, UTC), body)
    assert signed == "v1,aLtu2j1YLQNiHijeBX6ZUjKu/MOSMUeKHw47l8VXAng="


def test_the_headers_have_signature_id_and_time(hooks: Hooks) -> None:
    hooks.deliver(subject="Café ☕")
    sent = hooks.last
    assert sent.verified
    assert sent.headers["content-type"] == "application/cloudevents+json"
    assert sent.headers["webhook-id"] == make_prepared_mail().reference
    assert abs(int(sent.headers["webhook-timestamp"]) - time.time()) < 5
    assert sent.headers["idempotency-key"] == f'"{make_prepared_mail().reference}"'
    Webhook(service_desks.webhook_key()).verify(sent.body, sent.headers)


def test_two_keys_make_two_signatures(hooks: Hooks) -> None:
    hooks.deliver(options={"signing_keys": ["key", "new"]})
    for key in (service_desks.webhook_key(), NEW_KEY):
        Webhook(key).verify(hooks.last.body, hooks.last.headers)
    assert hooks.last.headers["webhook-signature"].count("v1,") == 2


@pytest.mark.parametrize("key", ["whsec_c2hvcnQ=", "no key at all", "whsec_***", "whsk_" + "A" * 44])
def test_a_malformed_key_signs_nothing(hooks: Hooks, key: str) -> None:
    hooks.vault.secrets["key"] = key
    with pytest.raises(ConfigurationError) as caught:
        hooks.deliver()
    assert key not in str(caught.value)
    assert hooks.sim.webhooks.deliveries == []


def test_a_changed_key_is_read_again(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.key_vault._READ_AGAIN_SECONDS", -1)
    sink = make_sink("webhook", {"url": service_desks.HOOK_URL, "signing_keys": ["key"]}, hooks.vault)
    sink.probe()
    hooks.vault.secrets["key"] = NEW_KEY
    hooks.sim.webhooks.check_signatures([NEW_KEY], refuse=True)
    sink.deliver(make_prepared_mail(), MemoryProgress())
    assert [one.status for one in hooks.sim.webhooks.deliveries] == [401, 204]


# -- answers


def test_a_ticket_number_in_the_answer_is_read_and_saved(hooks: Hooks) -> None:
    hooks.sim.webhooks.answer(200, {"result": [{"a/b": "INC-{number}"}]})
    progress = MemoryProgress()
    receipt = hooks.deliver(progress=progress, options={"ticket_pointer": "/result/0/a~1b"})
    assert receipt == Receipt("INC-1")
    assert hooks.deliver(progress=progress, options={"ticket_pointer": "/result/0/a~1b"}) == receipt
    assert len(hooks.sim.webhooks.deliveries) == 1


@pytest.mark.parametrize("body", [{"ticket": ""}, {"ticket": {"a": 1}}, {"ticket": "x" * 101}, {}, [], "no json", ""])
def test_an_answer_without_a_ticket_number_is_accepted(hooks: Hooks, body: Any) -> None:
    hooks.sim.webhooks.answer(200, body)
    assert hooks.deliver(options={"ticket_pointer": "/ticket"}) == Receipt(None)


@pytest.mark.parametrize(
    ("said", "link"),
    [
        ("https://desk.example.com/t/1", "https://desk.example.com/t/1"),
        ("http://desk.example.com/t/1", None),
        ("javascript:alert(1)", None),
        ("https://u:p@desk.example.com/", None),
        ("https://desk.example.com/?sig=abc", None),
        ("https://desk.example.com/" + "x" * 500, None),
        (17, None),
        (None, None),
    ],
)
def test_the_address_of_a_ticket_in_the_answer_is_read_if_it_is_a_plain_link(
    hooks: Hooks, said: Any, link: str | None
) -> None:
    hooks.sim.webhooks.answer(200, {"ticket": "T-1", "url": said})
    options = {"ticket_pointer": "/ticket", "ticket_url_pointer": "/url"}
    assert hooks.deliver(options=options) == Receipt("T-1", url=link)


def test_an_answer_about_the_known_ticket_is_a_reply(hooks: Hooks) -> None:
    hooks.sim.webhooks.answer(200, {"ticket": "T-17"})
    receipt = hooks.deliver(
        threads=known(AUTHOR), headers={"In-Reply-To": f"<{EARLIER}>"}, options={"ticket_pointer": "/ticket"}
    )
    assert receipt == Receipt("T-17", is_reply=True)


def test_an_answer_202_is_a_receipt_without_a_ticket(hooks: Hooks) -> None:
    hooks.sim.webhooks.answer(202)
    assert hooks.deliver() == Receipt(None)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (301, ConfigurationError, "RedirectRefused"),
        (308, ConfigurationError, "RedirectRefused"),
        (401, ConfigurationError, "ReceiverClosed"),
        (403, ConfigurationError, "ReceiverClosed"),
        (404, ConfigurationError, "ReceiverClosed"),
        (405, ConfigurationError, "ReceiverClosed"),
        (410, ConfigurationError, "ReceiverClosed"),
        (415, ConfigurationError, "ReceiverClosed"),
        (400, Refused, "ReceiverRefused"),
        (413, Refused, "ReceiverRefused"),
        (422, Refused, "ReceiverRefused"),
        (409, Unavailable, "UpstreamUnavailable"),
        (429, Unavailable, "Throttled"),
        (503, Unavailable, "UpstreamUnavailable"),
        (500, OutcomeUnknown, "UpstreamError"),
        (502, OutcomeUnknown, "UpstreamError"),
        (504, OutcomeUnknown, "UpstreamTimeout"),
        (408, OutcomeUnknown, "UpstreamTimeout"),
    ],
)
def test_each_status_has_its_meaning(hooks: Hooks, status: int, kind: type[Exception], code: str) -> None:
    hooks.sim.webhooks.answer(status, headers={"location": "https://evil.example/"})
    with pytest.raises(kind) as caught:
        hooks.deliver()
    assert getattr(caught.value, "code", None) == code
    assert len(hooks.sim.webhooks.deliveries) == 1
    assert {seen.host for seen in hooks.sim.exchanges.all()} == {"hooks.contoso.com"}


@pytest.mark.parametrize("status", [409, 429, 500, 502, 503, 504])
def test_a_retry_after_of_the_receiver_is_obeyed(hooks: Hooks, status: int) -> None:
    hooks.sim.webhooks.answer(status, headers={"retry-after": "120"})
    with pytest.raises(Unavailable) as caught:
        hooks.deliver()
    assert caught.value.retry_after == 120


def test_type_and_title_of_a_problem_are_logged_but_not_its_detail(hooks: Hooks) -> None:
    problem = {"type": "https://x/bad", "title": "Bad subject", "status": 422, "detail": "Printer on fire"}
    hooks.sim.webhooks.answer(422, problem, headers={"content-type": "application/problem+json"})
    with pytest.raises(Refused) as caught:
        hooks.deliver()
    assert caught.value.detail == "HTTP 422 https://x/bad Bad subject"


def test_after_a_lost_answer_the_same_id_and_body_are_sent_again(hooks: Hooks) -> None:
    hooks.sim.faults.add(Drop(), api="webhook", when="after")
    progress = MemoryProgress()
    with pytest.raises(OutcomeUnknown):
        hooks.deliver(make_file(1, "a", b"x"), progress=progress)
    hooks.deliver(make_file(1, "a", b"x"), progress=progress.next_attempt())
    first, second = hooks.sim.webhooks.deliveries
    assert (first.id, first.body) == (second.id, second.body)


def test_a_receiver_that_does_not_answer_times_out(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inbound_mail.sinks.webhook.receiver.Transport", lambda **_: Transport(read_seconds=0.2))
    hooks.sim.faults.add(Delay(1), api="webhook")
    with pytest.raises(TimedOut):
        hooks.deliver()


# -- Power Automate and Logic Apps


def test_a_flow_gets_plain_json(hooks: Hooks) -> None:
    assert hooks.deliver(options=FLOW) == Receipt(None)
    sent = hooks.last
    assert sent.status == 202
    assert sent.headers["content-type"] == "application/json"
    assert "webhook-signature" not in sent.headers
    assert sent.trigger_body["data"]["subject"] == "Printer on fire"


def test_a_flow_can_answer_with_a_ticket_number(hooks: Hooks) -> None:
    hooks.sim.webhooks.workflows[service_desks.WORKFLOW].response = {"status": 200, "body": {"ticket": "I1"}}
    assert hooks.deliver(options=FLOW | {"ticket_pointer": "/ticket"}) == Receipt("I1")


def test_a_refusal_of_the_flows_trigger_is_logged_with_its_code(hooks: Hooks) -> None:
    workflow = hooks.sim.webhooks.workflows[service_desks.WORKFLOW]
    workflow.schema = {"type": "object", "required": ["somethingElse"]}
    with pytest.raises(Refused) as caught:
        hooks.deliver(options=FLOW)
    assert caught.value.detail == "HTTP 400 TriggerInputSchemaMismatch"


def test_a_flow_that_is_turned_off_refuses_every_event_and_not_this_one(hooks: Hooks) -> None:
    hooks.sim.webhooks.workflows[service_desks.WORKFLOW].state = "Disabled"
    with pytest.raises(ConfigurationError) as caught:
        hooks.deliver(options=FLOW)
    assert (caught.value.code, caught.value.detail) == ("ReceiverClosed", "HTTP 400 WorkflowTriggerIsNotEnabled")


def test_a_renewed_address_is_read_again(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.key_vault._READ_AGAIN_SECONDS", -1)
    sink = make_sink("webhook", {name: value for name, value in FLOW.items() if value}, hooks.vault)
    good = service_desks.flow_url()
    hooks.vault.secrets["flow"] = good + "old"
    sink.probe()
    hooks.vault.secrets["flow"] = good
    sink.deliver(make_prepared_mail(), MemoryProgress())
    assert [one.status for one in hooks.sim.webhooks.deliveries] == [401, 202]


def test_the_address_of_a_flow_that_was_deleted_is_read_again(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.key_vault._READ_AGAIN_SECONDS", -1)
    old = hooks.sim.webhooks.add_workflow("0123", "s", state="Deleted")
    sink = make_sink("webhook", {name: value for name, value in FLOW.items() if value}, hooks.vault)
    good = service_desks.flow_url()
    hooks.vault.secrets["flow"] = good.replace(service_desks.WORKFLOW, old.id).partition("sig=")[0] + "sig=s"
    sink.probe()
    hooks.vault.secrets["flow"] = good
    sink.deliver(make_prepared_mail(), MemoryProgress())
    assert [one.status for one in hooks.sim.webhooks.deliveries] == [400, 202]


@pytest.mark.parametrize(
    "url", ["http://x.example/?sig=abc", "https://u:p@x.example/", "ftp://x", "sig=abc", "https://"]
)
def test_a_malformed_address_is_never_called_or_shown(hooks: Hooks, url: str) -> None:
    hooks.vault.secrets["flow"] = url
    with pytest.raises(ConfigurationError) as caught:
        hooks.deliver(options=FLOW)
    assert url not in str(caught.value)


def test_no_error_shows_a_secret_address(hooks: Hooks) -> None:
    hooks.sim.faults.add(Answer(502), method="CONNECT", times=None)
    with pytest.raises(Unavailable) as caught:
        hooks.deliver(options=FLOW)
    text = "".join(traceback.format_exception(caught.value))
    assert "sig=" not in text
    assert service_desks.WORKFLOW not in text


# -- settings


@pytest.mark.parametrize(
    ("change", "options"),
    [
        ({"url": None}, ["url"]),
        ({"url_secret": "flow"}, ["url"]),
        ({"url": "http://x.example"}, ["url"]),
        ({"url": "https://u:p@x.example"}, ["url"]),
        ({"url": "https://x.example/#a"}, ["url"]),
        ({"url": "https://x.example/?api-version=1&sig=abc"}, ["url"]),
        ({"signing_keys": None}, ["signing_keys"]),
        ({"signing_keys": []}, ["signing_keys"]),
        ({"signing_keys": "key"}, ["signing_keys"]),
        ({"signing_keys": [NEW_KEY]}, ["signing_keys"]),
        ({"preset": "teams"}, ["preset"]),
        ({"inline_kib": 5000}, ["inline_kib"]),
        ({"ticket_pointer": "ticket"}, ["ticket_pointer"]),
        ({"ticket_url_pointer": "url"}, ["ticket_url_pointer"]),
        ({"timeout": 1}, ["timeout"]),
        ({"body": "rtf"}, ["body"]),
        ({"headers": {}}, ["headers"]),
    ],
)
def test_every_wrong_option_has_a_message(change: dict[str, Any], options: Sequence[str]) -> None:
    good = {"url": service_desks.HOOK_URL, "signing_keys": ["key"]}
    given = {name: value for name, value in (good | change).items() if value is not None}
    found = dict(check_sink(SinkSettings("hook", "webhook", given)))
    assert list(found) == options
    assert all(sentence.endswith(".") for sentence in found.values())
    assert "whsec" not in json.dumps(found)


def test_the_secrets_of_a_sink_are_listed(hooks: Hooks) -> None:
    sink = make_sink("webhook", {"url_secret": "flow", "signing_keys": ["key"]}, hooks.vault)
    assert [one.name for one in sink.secrets()] == ["key", "flow"]
