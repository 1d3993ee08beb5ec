"""MAILBOXES and SINKS in a blob: the same checks as for an app setting, and every fault at once."""

import codecs
import json
from typing import Any

import pytest

from inbound_mail.sinks import check_sink
from shared.settings.config import Settings, load_settings
from shared.settings.faults import SettingsError
from shared.settings.settings_blobs import MOST_BYTES, BlobPlace, find_place
from tests.unit.test_config import GOOD

SINKS = {"tickets": {"kind": "webhook", "url": "https://hooks.example/x", "signing_keys": ["hook-key"]}}
SUPPORT: dict[str, Any] = {"name": "support", "address": "support@contoso.example", "sinks": ["tickets"]}
MAILBOXES_BLOB, SINKS_BLOB = BlobPlace("config", "mailboxes.json"), BlobPlace("config", "sinks.json")
ONE_BLOB = BlobPlace("config", "mail.json")
TWO = {"MAILBOXES": f"blob:{MAILBOXES_BLOB}", "SINKS": f"blob:{SINKS_BLOB}"}
ONE = {"MAILBOXES": f"blob:{ONE_BLOB}", "SINKS": f"blob:{ONE_BLOB}"}


def load(environ: dict[str, str], blobs: dict[BlobPlace, Any] | None = None, *, storage: str = "x") -> Settings:
    contents = blobs and {
        place: one if one is None or isinstance(one, bytes) else json.dumps(one).encode()
        for place, one in blobs.items()
    }
    return load_settings(GOOD | {"AzureWebJobsStorage": storage} | environ, check_sink=check_sink, blobs=contents)


def faults(environ: dict[str, str], blobs: dict[BlobPlace, Any] | None = None, **more: str) -> list[tuple[str, str]]:
    with pytest.raises(SettingsError) as raised:
        load(environ, blobs, **more)
    return [(fault.setting, fault.message) for fault in raised.value.faults]


@pytest.mark.parametrize("text", ["blob:config/mailboxes.json", "blob:my-config/desk/v1/mail_boxes.json", "blob:abc/x"])
def test_a_setting_names_a_container_and_a_blob(text: str) -> None:
    assert str(find_place(text)) == text.removeprefix("blob:")


@pytest.mark.parametrize(
    "text",
    [
        "blob:", "blob:config", "blob:config/", "blob:/x", "blob:Config/x", "blob:co--nfig/x", "blob:ab/x",
        f"blob:{'c' * 64}/x", "blob:config/a//b", "blob:config/../x", "blob:config/x.", "blob:config/a b",
        "blob:config/x?sig=1", f"blob:config/{'x' * 257}", "blob:https://x.blob.core.windows.net/config/x",
    ],
)  # fmt: skip
def test_anything_else_is_a_fault_at_start(text: str) -> None:
    [(setting, message)] = faults({"MAILBOXES": text})
    assert (setting, "blob:config/mailboxes.json" in message) == ("MAILBOXES", True)


def test_at_start_a_blob_is_only_named() -> None:
    settings = load(TWO)
    assert settings.blobs == {"MAILBOXES": MAILBOXES_BLOB, "SINKS": SINKS_BLOB}
    assert (settings.mailboxes, settings.sinks) == ({}, {})
    plain = load({"MAILBOXES": json.dumps([SUPPORT]), "SINKS": json.dumps(SINKS)})
    assert (plain.blobs, list(plain.mailboxes)) == ({}, ["support"])


def test_a_blob_needs_the_storage_account() -> None:
    assert [name for name, _ in faults(TWO, storage="")] == ["AzureWebJobsStorage"]


def test_two_blobs_hold_what_the_settings_would() -> None:
    settings = load(TWO, {MAILBOXES_BLOB: [SUPPORT], SINKS_BLOB: SINKS})
    assert settings.mailboxes["support"].sinks == ("tickets",)
    assert settings.sinks["tickets"].kind == "webhook"


def test_one_blob_holds_both() -> None:
    settings = load(ONE, {ONE_BLOB: {"mailboxes": [SUPPORT], "sinks": SINKS}})
    assert (list(settings.mailboxes), list(settings.sinks)) == (["support"], ["tickets"])


@pytest.mark.parametrize("content", [[SUPPORT], {"mailboxes": []}, {"mailboxes": [], "sinks": {}, "rules": []}, 5])
def test_one_blob_that_does_not_hold_both_is_refused(content: Any) -> None:
    found = faults(ONE, {ONE_BLOB: json.dumps(content).encode()})
    assert {name for name, _ in found} == {"MAILBOXES", "SINKS"}
    assert all("mailboxes and sinks" in message for _, message in found)


def test_one_setting_may_be_in_a_blob_and_the_other_not() -> None:
    plain = {"MAILBOXES": TWO["MAILBOXES"], "SINKS": json.dumps(SINKS)}
    assert list(load(plain, {MAILBOXES_BLOB: [SUPPORT]}).mailboxes) == ["support"]
    other = {"MAILBOXES": json.dumps([SUPPORT]), "SINKS": TWO["SINKS"]}
    assert list(load(other, {SINKS_BLOB: SINKS}).mailboxes) == ["support"]
    assert load(other).mailboxes == {}, "its sinks are not known yet"


def test_every_fault_is_listed_at_once() -> None:
    mailboxes = [SUPPORT | {"address": "support"}, SUPPORT | {"sinks": ["gone"]}, 5, SUPPORT, SUPPORT]
    sinks = SINKS | {"desk": {"kind": "easyvista"}, "other": {"kind": "pigeon"}}
    found = [name for name, _ in faults(TWO, {MAILBOXES_BLOB: mailboxes, SINKS_BLOB: sinks})]
    assert [name for name in found if name.startswith("MAILBOXES")] == [
        "MAILBOXES[0].address", "MAILBOXES[1].sinks", "MAILBOXES[2]", "MAILBOXES[4].name",
    ]  # fmt: skip
    assert {name.rpartition(".")[0] for name in found if name.startswith("SINKS")} == {"SINKS.desk", "SINKS.other"}


def test_a_mailbox_whose_sink_the_other_blob_does_not_have_is_refused() -> None:
    moved = {"elsewhere": SINKS["tickets"]}
    assert [name for name, _ in faults(TWO, {MAILBOXES_BLOB: [SUPPORT], SINKS_BLOB: moved})] == ["MAILBOXES[0].sinks"]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (None, "no blob config/mailboxes.json"),
        (b"", "line 1, column 1"),
        (b"[{]", "line 1, column 3"),
        (b"[\n  {'name': 1}]", "line 2, column 4"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe", "UTF-8"),
        (bytes(range(256)), "UTF-8"),
        (b"[" * 100_000, "not valid JSON"),
        (b"null", "null"),
        (b'[{"name": "a", "name": "b"}]', "'name' twice"),
        ('[{"name": "B\u00fcro"}]'.encode("latin-1"), "UTF-8"),
        (b"1" * 5000, "not valid JSON"),
        (b" " * (MOST_BYTES + 1), "1024 KiB"),
    ],
)
def test_what_is_no_json_is_refused_with_the_place(data: bytes | None, part: str) -> None:
    [(setting, message)] = faults(TWO, {MAILBOXES_BLOB: data, SINKS_BLOB: SINKS})
    assert (setting, part in message) == ("MAILBOXES", True), message


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + json.dumps([SUPPORT]).encode(),
        json.dumps([SUPPORT]).encode("utf-16"),
        codecs.BOM_UTF16_BE + json.dumps([SUPPORT]).encode("utf-16-be"),
    ],
)
def test_the_byte_order_marks_that_editors_write_do_no_harm(data: bytes) -> None:
    assert list(load(TWO, {MAILBOXES_BLOB: data, SINKS_BLOB: SINKS}).mailboxes) == ["support"]


def test_a_list_of_300_mailboxes_is_read() -> None:
    many = [SUPPORT | {"name": f"desk-{number}", "write_back": {"category": "x" * 500}} for number in range(300)]
    data = json.dumps(many).encode()
    assert len(data) > 180_000
    assert len(load(TWO, {MAILBOXES_BLOB: data, SINKS_BLOB: SINKS}).mailboxes) == 300


def test_brackets_without_end_in_an_app_setting_are_a_fault_and_no_crash() -> None:
    assert [name for name, _ in faults({"MAILBOXES": "[" * 9_000})] == ["MAILBOXES"]


SECRET = "Sup3r-s3cret value?sig=abc"


@pytest.mark.parametrize(
    "sink",
    [
        {"kind": "webhook", "url": "https://hooks.example/x", "signing_keys": [SECRET]},
        {"kind": "webhook", "url": SECRET},
        {"kind": "webhook", "url_secret": SECRET, "signing_keys": SECRET},
        {"kind": "easyvista", "url": "https://x.example", "account": "1", "token": SECRET, "catalog_code": "C"},
        {"kind": SECRET},
        SECRET,
    ],
)
def test_no_fault_repeats_what_a_person_wrote_where_no_secret_belongs(sink: Any) -> None:
    found = faults(ONE, {ONE_BLOB: {"mailboxes": [SUPPORT | {"category": SECRET}], "sinks": {"tickets": sink}}})
    assert found
    assert SECRET not in str(found)
    broken = json.dumps({"sinks": {"tickets": sink}})[:-1].encode()
    assert SECRET not in str(faults(ONE, {ONE_BLOB: broken}))
