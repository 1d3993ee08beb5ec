"""Rounds of a delta, with all difficulties that are documented or reported."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.functional.twin.conftest import MakeClient
from tests.functional.twin.one_mailbox import BOX, DELTA, IMMUTABLE, INBOX, MAIL_WRITE, read_error, safe, walk
from twin import Simulator
from twin.client import RawGraphClient
from twin.mail.mailbox import Mailbox
from twin.mail.permissions import BASIC, READ
from twin.seeds.mails import SECOND, SUPPORT


@pytest.fixture
def graph(make_client: MakeClient) -> RawGraphClient:
    return make_client(MAIL_WRITE)


def fill(box: Mailbox, count: int) -> set[str]:
    return {str(box.receive(subject=f"Mail {number}").subject) for number in range(count)}


def test_the_first_round_reports_everything_and_the_next_one_nothing(box: Mailbox, graph: RawGraphClient) -> None:
    subjects = fill(box, 25)
    box.receive(subject="Elsewhere", folder="archive")

    first = walk(graph, size=10)

    assert [len(page) for page in first.pages] == [10, 10, 5]
    assert first.subjects == subjects
    assert walk(graph, first.link).pages == [[]]


def test_an_empty_folder_answers_with_a_delta_link_at_once(graph: RawGraphClient) -> None:
    assert walk(graph).pages == [[]]


def test_items_come_in_no_order_unless_the_newest_first_are_asked_for(box: Mailbox, graph: RawGraphClient) -> None:
    fill(box, 30)
    start = box.clock.now()
    for minutes, message in enumerate(box.messages()):
        message.received = start - timedelta(minutes=minutes)
    sent = [message.subject for message in box.messages()]

    assert [item["subject"] for item in walk(graph).items] != sent
    ordered = walk(graph, f"{DELTA}?$select=subject&$orderby=receivedDateTime desc")
    assert [item["subject"] for item in ordered.items] == sent


def test_the_page_size_is_ten_unless_each_request_prefers_another(box: Mailbox, graph: RawGraphClient) -> None:
    fill(box, 40)

    first = graph.get(DELTA, prefer="odata.maxpagesize=25").json()
    second = graph.get(first["@odata.nextLink"]).json()
    third = graph.get(second["@odata.nextLink"], prefer="odata.maxpagesize=900").json()

    assert [len(page["value"]) for page in (first, second, third)] == [25, 10, 5]


def test_a_preferred_page_size_is_honoured_up_to_a_limit(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    fill(box, 12)
    sim.mail.switches.delta_largest_page = 5

    assert [len(page) for page in walk(graph, size=1000).pages] == [5, 5, 2]


def test_select_travels_in_the_token_and_the_kind_of_id_does_not(box: Mailbox, graph: RawGraphClient) -> None:
    first = walk(graph, f"{DELTA}?$select=subject,importance")
    made = box.receive(subject="New", importance="high")

    mutable = walk(graph, first.link, prefer="").items
    immutable = walk(graph, first.link, prefer=IMMUTABLE).items

    assert set(mutable[0]) == {"@odata.type", "@odata.etag", "id", "subject", "importance"}
    assert (mutable[0]["id"], immutable[0]["id"]) == (made.mutable_id, made.id)
    assert mutable[0]["importance"] == "high"


def test_links_are_opaque_and_take_no_further_options(graph: RawGraphClient) -> None:
    link = walk(graph).link
    query = parse_qsl(urlsplit(link).query)

    assert [name for name, _ in query] == ["$deltatoken"]
    assert len(query[0][1]) > 200
    assert SUPPORT.partition("@")[0] not in query[0][1]
    assert graph.get(f"{link}&$select=subject").status_code == 400


def test_a_link_gives_the_same_page_again(box: Mailbox, graph: RawGraphClient) -> None:
    fill(box, 12)
    link = graph.get(DELTA).json()["@odata.nextLink"]

    assert graph.get(link).json()["value"] == graph.get(link).json()["value"]


def test_a_change_shows_what_changed_and_little_else(box: Mailbox, graph: RawGraphClient) -> None:
    message = box.receive(subject="Printer", html="<p>On fire")
    first = walk(graph, f"{DELTA}?$select=subject,body,isRead,parentFolderId,categories")
    message.mark_read()

    stub = walk(graph, first.link).items

    assert [set(item) - {"@odata.etag", "@odata.type"} for item in stub] == [{"id", "isRead", "parentFolderId"}]
    assert (stub[0]["id"], stub[0]["isRead"]) == (message.id, True)


def test_setting_an_equal_value_is_no_change(box: Mailbox, graph: RawGraphClient) -> None:
    message = box.receive(subject="Printer")
    link = walk(graph).link

    answer = graph.request("PATCH", f"{BOX}/messages/{message.id}", json={"isRead": False, "categories": []})

    assert answer.status_code == 200
    assert walk(graph, link).items == []


def test_our_own_marking_comes_back_as_an_echo(box: Mailbox, graph: RawGraphClient) -> None:
    message = box.receive(subject="Printer")
    link = walk(graph).link
    graph.request("PATCH", f"{BOX}/messages/{message.id}", json={"isRead": True, "categories": ["Ticket"]})

    assert [item["id"] for item in walk(graph, link).items] == [message.id]


def test_changes_may_be_shown_whole(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    sim.mail.switches.delta_stubs = False
    message = box.receive(subject="Printer")
    link = walk(graph).link
    message.mark_read()

    assert walk(graph, link).subjects == {"Printer"}


def test_several_changes_of_one_mail_make_one_item(box: Mailbox, graph: RawGraphClient) -> None:
    link = walk(graph).link
    message = box.receive(subject="Printer")
    message.mark_read()
    message.change({"categories": ["Red"]})

    items = walk(graph, link).items

    assert [(item["id"], item["subject"]) for item in items] == [(message.id, "Printer")]


@pytest.mark.parametrize(("prefer", "kind"), [("", "mutable_id"), (IMMUTABLE, "id")])
def test_what_left_is_removed_under_the_id_it_had_here(
    box: Mailbox, graph: RawGraphClient, prefer: str, kind: str
) -> None:
    moved, deleted, purged = (box.receive(subject=name) for name in ("moved", "deleted", "purged"))
    link = walk(graph).link
    before = {getattr(message, kind) for message in (moved, deleted, purged)}
    moved.move("archive")
    deleted.delete()
    purged.delete(forever=True)

    items = walk(graph, link, prefer=prefer).items

    assert {item["id"] for item in items} == before
    assert sorted(item["@removed"]["reason"] for item in items) == ["changed", "deleted", "deleted"]
    assert all("subject" not in item for item in items)


def test_a_mail_that_moved_in_is_new_with_its_old_date(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    old = sim.world.clock.now() - timedelta(days=400)
    message = box.receive(subject="Found", folder="junkemail", received=old)
    link = walk(graph, f"{DELTA}?$select=subject,receivedDateTime").link

    message.move("inbox")

    items = walk(graph, link).items
    assert [(item["subject"], item["receivedDateTime"][:4]) for item in items] == [("Found", f"{old:%Y}")]


def test_folders_have_cursors_of_their_own_and_subfolders_are_not_in_them(box: Mailbox, graph: RawGraphClient) -> None:
    inner = box.add_folder("VIP", "inbox")
    box.receive(subject="Inner", folder=inner.id)

    assert walk(graph).items == []
    assert walk(graph, f"{BOX}/mailFolders/{inner.id}/messages/delta").subjects == {"Inner"}


@pytest.mark.parametrize(
    ("change_type", "expected"),
    [("created", {"new"}), ("updated", {"changed"}), ("deleted", {"gone"})],
)
def test_a_change_type_narrows_the_rounds_after_the_first(
    box: Mailbox, graph: RawGraphClient, change_type: str, expected: set[str]
) -> None:
    changed, gone = box.receive(subject="changed"), box.receive(subject="gone")
    first = walk(graph, f"{DELTA}?changeType={change_type}")
    new = box.receive(subject="new")
    changed.mark_read()
    gone.delete()
    names = {changed.id: "changed", gone.id: "gone", new.id: "new"}

    assert first.subjects == {"changed", "gone"}
    assert {names[item["id"]] for item in walk(graph, first.link).items} == expected


def test_a_filter_is_a_lower_bound_of_the_date_and_capped(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    now = sim.world.clock.now()
    for hours in range(6):
        box.receive(subject=f"{hours} h", received=now - timedelta(hours=hours))
    bound = f"{now - timedelta(hours=2, minutes=30):%Y-%m-%dT%H:%M:%SZ}"

    first = walk(graph, f"{DELTA}?$filter=receivedDateTime ge {bound}")
    box.receive(subject="old", received=now - timedelta(days=1))
    box.receive(subject="new", received=now)

    assert first.subjects == {"0 h", "1 h", "2 h"}
    assert walk(graph, first.link).subjects == {"new"}
    sim.mail.switches.delta_filter_cap = 2
    assert len(walk(graph, f"{DELTA}?$filter=receivedDateTime gt {bound}").items) == 2


@pytest.mark.parametrize(
    "query",
    [
        "$filter=receivedDateTime le 2026-01-01T00:00:00Z",
        "$filter=isRead eq false",
        "$filter=receivedDateTime ge 2026-01-01T00:00:00+00:00",
        "$filter=receivedDateTime ge yesterday",
        "$orderby=subject",
        "$orderby=receivedDateTime",
        "$search=printer",
        "$skip=10",
        "$select=subject,size",
        "$expand=children",
        "changeType=moved",
        "$top=few",
        "$deltatoken=nonsense",
    ],
)
def test_what_a_delta_does_not_take_is_refused(graph: RawGraphClient, query: str) -> None:
    assert graph.get(f"{DELTA}?{query}").status_code == 400


def test_expanding_extensions_breaks_a_delta(graph: RawGraphClient) -> None:
    assert read_error(graph.get(f"{DELTA}?$expand=extensions")) == (500, "ErrorInternalServerError")


def test_start_from_now_is_not_offered(box: Mailbox, graph: RawGraphClient) -> None:
    fill(box, 2)

    assert len(walk(graph, f"{DELTA}?$deltatoken=latest").items) == 2


def test_top_skips_the_rest_of_the_folder(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    fill(box, 5)

    assert [len(page) for page in walk(graph, f"{DELTA}?$top=2").pages] == [2, 0]
    sim.mail.switches.delta_top_skips_rest = False
    assert [len(page) for page in walk(graph, f"{DELTA}?$top=2").pages] == [2, 2, 1]


def test_empty_pages_may_come_before_the_rest(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    subjects = fill(box, 3)
    sim.mail.switches.delta_empty_pages = 2

    first = walk(graph)

    assert [len(page) for page in first.pages] == [0, 0, 3]
    assert first.subjects == subjects
    assert [len(page) for page in walk(graph, first.link).pages] == [0, 0, 0]


def test_items_may_come_twice_in_a_round_and_again_in_a_later_one(
    sim: Simulator, box: Mailbox, graph: RawGraphClient
) -> None:
    fill(box, 4)
    sim.mail.switches.delta_repeats = 2

    first = walk(graph, size=3)
    assert len(first.items) == 6
    assert len(first.subjects) == 4
    sim.mail.switches.delta_repeats = 0
    sim.run(lambda: box.replay(2))
    again = walk(graph, first.link)

    assert again.subjects == {"Mail 2", "Mail 3"}


def test_a_change_shows_with_a_delay(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    sim.mail.switches.delta_delay_seconds = 60
    fill(box, 2)

    early = walk(graph)
    assert early.items == []
    sim.world.clock.advance(timedelta(seconds=61))
    late = walk(graph, early.link)
    assert len(late.items) == 2
    assert walk(graph, late.link).items == []
    box.messages()[0].mark_read()
    assert walk(graph, late.link).items == []
    sim.world.clock.advance(timedelta(seconds=61))
    assert len(walk(graph, late.link).items) == 1


def test_removals_may_show_in_a_first_round(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    gone = box.receive(subject="gone")
    gone.delete()
    assert walk(graph).items == []
    sim.mail.switches.delta_removed_at_first = True

    assert [item["id"] for item in walk(graph).items] == [gone.id]


def test_what_leaves_while_a_round_is_read_is_reported_by_the_next(box: Mailbox, graph: RawGraphClient) -> None:
    fill(box, 12)
    first = graph.get(DELTA, prefer=IMMUTABLE).json()
    seen = {item["id"] for item in first["value"]}
    unseen = [message for message in box.messages() if message.id not in seen]
    for message in unseen:
        message.move("archive")
    box.receive(subject="late")

    rest = walk(graph, first["@odata.nextLink"])

    assert rest.items == []
    following = walk(graph, rest.link).items
    assert {item["id"] for item in following if "@removed" in item} == {message.id for message in unseen}
    assert [item["subject"] for item in following if "@removed" not in item] == ["late"]


def test_an_expired_cursor_is_gone_for_good(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    fill(box, 12)
    inside = graph.get(DELTA).json()["@odata.nextLink"]
    between = walk(graph).link

    assert sim.mail.expire_cursors(box) == 2

    for link in (inside, between):
        refused = graph.get(link)
        assert read_error(refused) == (410, "SyncStateNotFound")
        assert "location" not in refused.headers
    assert len(walk(graph).items) == 12


def test_an_expired_cursor_may_answer_otherwise(sim: Simulator, graph: RawGraphClient) -> None:
    link = walk(graph).link
    sim.mail.expire_cursors(status=400, code="BadRequest", inner_code="resyncRequired", location=True)

    refused = graph.get(link)

    assert read_error(refused) == (400, "BadRequest")
    assert refused.json()["error"]["innerError"]["code"] == "resyncRequired"
    assert walk(graph, refused.headers["location"]).items == []


def test_cursors_of_one_mailbox_can_be_lost_alone(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    own = walk(graph).link
    other = walk(graph, f"/users/{SECOND}/mailFolders/inbox/messages/delta").link

    sim.mail.expire_cursors(box)

    assert graph.get(own).status_code == 410
    assert graph.get(other).status_code == 200


def test_old_cursors_fall_out_when_newer_ones_come(sim: Simulator, graph: RawGraphClient) -> None:
    sim.mail.switches.cursors_kept = 3
    old = walk(graph).link
    for _ in range(3):
        newest = walk(graph).link

    assert read_error(graph.get(old)) == (410, "SyncStateNotFound")
    assert graph.get(newest).status_code == 200


def test_a_cursor_belongs_to_its_folder(graph: RawGraphClient) -> None:
    token = walk(graph).link.partition("$deltatoken=")[2]

    assert graph.get(f"{BOX}/mailFolders/archive/messages/delta?$deltatoken={token}").status_code == 400


def test_deltas_exist_for_folders_only(graph: RawGraphClient) -> None:
    # as a path it reads like a message whose id is "delta"
    assert read_error(graph.get(f"{BOX}/messages/delta")) == (400, "ErrorInvalidIdMalformed")


def test_bodies_and_headers_come_when_selected(box: Mailbox, graph: RawGraphClient) -> None:
    box.receive(subject="Printer", html="<p>On fire</p>", headers={"Auto-Submitted": "auto-replied"})

    whole = walk(graph, DELTA).items[0]
    chosen = walk(graph, f"{DELTA}?$select=internetMessageHeaders,body").items[0]
    text = walk(graph, DELTA, prefer='outlook.body-content-type="text"').items[0]

    assert "internetMessageHeaders" not in whole
    assert whole["body"]["contentType"] == "html"
    assert "<p>On fire</p>" in whole["body"]["content"]
    assert {"name": "Auto-Submitted", "value": "auto-replied"} in chosen["internetMessageHeaders"]
    assert text["body"] == {"contentType": "text", "content": "On fire"}


def test_the_basic_permission_shows_no_body(box: Mailbox, make_client: MakeClient) -> None:
    box.receive(subject="Printer", text="On fire")
    basic = make_client(BASIC)

    item = walk(basic, DELTA).items[0]

    assert not {"body", "bodyPreview"} & set(item)
    assert item["subject"] == "Printer"
    assert read_error(basic.get(f"{DELTA}?$select=body")) == (403, "ErrorAccessDenied")
    assert walk(make_client(READ), f"{DELTA}?$select=body").items[0]["body"]["content"] == "On fire"


def test_both_spellings_of_the_function_are_known(box: Mailbox, graph: RawGraphClient) -> None:
    fill(box, 1)

    assert len(walk(graph, f"{INBOX}/messages/delta()").items) == 1


def test_attachments_expand_with_their_bytes_whatever_is_selected(box: Mailbox, graph: RawGraphClient) -> None:
    box.receive(b"Subject: x\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nQUJD\n")

    item = walk(graph, f"{DELTA}?$select=subject&$expand=attachments($select=id,name)").items[0]

    assert item["attachments"][0]["contentBytes"] == "QUJD"
    attached = graph.get(f"{BOX}/messages/{safe(item['id'])}/attachments/{safe(item['attachments'][0]['id'])}")
    assert attached.json()["name"] == "a.pdf"
