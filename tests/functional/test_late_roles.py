"""Roles on the storage account that do not hold yet: callers are told to come again, not that all is wrong."""

import json
import os
import re

import pytest

from tests.functional.conftest import Gateway, read_error
from twin.seeds import tiny

pytestmark = pytest.mark.signs_in

SETTING = "AzureWebJobsStorage"
PAGE = f"bookings/businesses/{tiny.BUSINESS}"
MAIL = {
    "MAILBOXES": json.dumps([{"name": "support", "address": "support@contoso.com", "sinks": ["flow"]}]),
    "SINKS": json.dumps({"flow": {"kind": "storage-queue", "queue": "tickets"}}),
}


@pytest.fixture
def refused(gateway_process: Gateway, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A gateway whose storage account refuses it."""
    monkeypatch.setenv(SETTING, re.sub(r"AccountKey=[^;]+", "AccountKey=d3Jvbmc=", os.environ[SETTING]))
    gateway_process.begin(
        tiny.seed,
        BOOKINGS_BUSINESSES=tiny.BUSINESS,
        BOOKINGS_WRITES="on",
        AzureWebJobsStorage=os.environ[SETTING],
        **MAIL,
    )
    return gateway_process


@pytest.mark.parametrize("path", ["mailboxes", "mailboxes/support/mails", "status", f"{PAGE}/changes"])
def test_while_storage_refuses_routes_that_need_it_answer_503_with_the_reason(refused: Gateway, path: str) -> None:
    answer = refused.get(path)
    error = read_error(answer)
    assert (error["status"], error["code"], error["retryAfter"]) == (503, "StorageRefused", 60)
    assert "Wait some minutes if its roles are new" in error["message"]


def test_what_needs_no_storage_goes_on(refused: Gateway) -> None:
    assert refused.get("health").status_code == 200
    assert refused.get(f"{PAGE}/services").status_code == 200
    assert refused.get("health/ready").status_code in (200, 503)
