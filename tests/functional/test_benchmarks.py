"""The benchmarks run, in tiny sizes; what they measure is no matter of tests."""

import re
from collections import Counter
from pathlib import Path

import pytest

from bench import (
    NAMES,
    console,
    event_deliveries,
    first_answer,
    first_ticket,
    hostile_text,
    import_cost,
    large_attachment,
    mail_delay,
    mail_ingest,
    push,
    push_figures,
    scale,
    slots,
)
from bench.__main__ import main
from tests.house.source import ROOT

pytestmark = pytest.mark.slow(reason="starts whole processes")


def test_the_ingest_of_mails_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    plan = mail_ingest.Plan(mails=7, latencies=(0.0,), rounds=1, counts=(21,), with_foreign=False)
    mail_ingest.run(plan)
    reported = capsys.readouterr().out
    assert re.search(r"gateway +HTTP +4 .*billed +15", reported), reported
    assert "N=21, A=16: formula 4 HTTP, seen 4 and 1 for the echo" in reported


def test_the_memory_of_a_large_file_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    large_attachment.run(large_attachment.Plan(large=13_000_000, delivered=500_000, batch=1_000_000, rounds=1))
    reported = capsys.readouterr().out
    assert re.search(r"a file of 13 MB +\d+\.\d", reported), reported
    assert re.search(r"delivered to the service desk +\d+\.\d", reported), reported


def test_what_many_quiet_mailboxes_cost_is_counted_and_does_not_grow(capsys: pytest.CaptureFixture[str]) -> None:
    scale.run((10, 45))
    reported = capsys.readouterr().out
    assert "no part grows by more than 5%" in reported
    few, many = re.findall(r"^ +(10|45) +(\d+\.\d) +(\d+\.\d+)", reported, re.MULTILINE)
    assert few[1] == many[1] == "12.0", "polls each hour"
    assert float(many[2]) <= float(few[2]) < 40, "requests"
    announced = re.search(r"while Graph announces mail: \d\.\d+ polls, (\d\.\d+) requests to Graph", reported)
    assert announced is not None
    assert float(announced[1]) <= 2


def test_announced_mails_are_measured_and_forgeries_have_no_effect(capsys: pytest.CaptureFixture[str]) -> None:
    push.run(push.Plan(mails=2, pauses=(0.1, 0.2), forgeries=28, rate=20, seconds=1.0))
    reported = capsys.readouterr().out
    for name in push_figures.FIGURES:
        assert re.search(rf"{name} +\d", reported), reported
    assert re.search(r"effects of 1,000 forgeries and replays +0 ", reported), reported
    assert re.search(r"20 answers at that rate: median \d+\.\d ms", reported), reported


def test_what_grows_with_the_number_of_mailboxes_is_named() -> None:
    few = scale.Hour(10, Counter({"table reads": 100, "messages": 100}), 10, 1.0)
    many = scale.Hour(100, Counter({"table reads": 1200, "messages": 1000}), 100, 10.0)
    assert scale.explain([few, many]).endswith("what grows: table reads")


def test_the_deliveries_of_an_event_are_counted_and_do_not_cost_more_for_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    event_deliveries.run((20, 350))
    reported = capsys.readouterr().out
    assert "no part grows by more than 5%" in reported
    [many] = re.findall(r"^ +350 +(\d+\.\d+) .* idle +(\d+) in all", reported, re.MULTILINE)
    assert float(many[0]) < 3.3, "requests for each delivery"
    assert int(many[1]) <= 2, "requests of the timer's look"


def test_a_question_for_free_slots_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    slots.run(slots.Plan(rounds=1, days=2))
    reported = capsys.readouterr().out
    assert re.search(r"free slots of 2 days, 20 staff, \d+ appointments", reported), reported
    assert re.search(r"gateway, function +CPU median +\d+\.\d ms", reported), reported


def test_the_answers_of_the_console_are_measured_and_take_few_requests(capsys: pytest.CaptureFixture[str]) -> None:
    console.run(console.Plan(mailboxes=20, mails=70, rounds=1))
    reported = capsys.readouterr().out
    assert "20 mailboxes, 1,400 mails" in reported
    found = re.findall(r"^  (\S.*?) +CPU median +\d+\.\d ms +(\d+) requests", reported, re.MULTILINE)
    requests = {name: int(number) for name, number in found}
    assert len(requests) == 9
    assert max(requests.values()) <= 20 * 2 + 12
    assert requests["history, 24 hours"] <= 20, "quiet mailboxes are not asked"


def test_the_cost_of_hostile_text_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    hostile_text.run(100_000, {"`<`": hostile_text.TEXTS["`<`"]})
    reported = capsys.readouterr().out
    assert re.search(r"`<` +text: +\d\.\d\d s +\d+ MiB +html: +\d\.\d\d s +\d+ MiB", reported), reported


def test_the_start_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    import_cost.run(rounds=1)
    assert re.search(r"ratio \d\.\d\d \(goal: at most 1\.2\)", capsys.readouterr().out)
    first_answer.run(first_answer.Plan(rounds=1))
    reported = capsys.readouterr().out
    for case in ("bare app", "health", "proxied list"):
        assert re.search(rf"  {case} +CPU load +\d+ \+ answer +\d+ ms", reported), reported


def test_the_delay_on_the_platform_is_computed(capsys: pytest.CaptureFixture[str]) -> None:
    mail_delay.run([15.0])
    own, default = re.findall(r"\) +(\d+\.\d) +(\d+\.\d)$", capsys.readouterr().out, flags=re.MULTILINE)
    assert float(own[0]) < float(own[1]) <= 16.0 < float(default[1])


def test_a_queue_is_looked_at_as_the_platform_does() -> None:
    busy, idle = mail_delay.Listener(60.0), mail_delay.Listener(60.0)
    assert idle.take(0.0) == 0.0
    assert 600.0 <= idle.take(600.0) <= 660.0  # looked at once a minute by then
    taken = [busy.take(float(put_at)) - put_at for put_at in range(100)]
    assert max(taken) <= 1.3  # a message each second keeps the delays short


def test_an_unknown_benchmark_is_reported() -> None:
    assert main(["nothing"]) == 2
    assert set(NAMES) >= {"mail_ingest", "large_attachment", "slots"}


def test_the_way_of_a_new_user_to_the_first_ticket_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here its parts; tests/e2e/test_console.py has the way itself, in a checkout that runs anyway."""
    assert first_ticket.read_commands((ROOT / "README.md").read_text())[0] == "python3 -m devkit up"
    folder = tmp_path / "gateway"
    folder.mkdir()
    with first_ticket.running("pwd; exec sleep 600", folder) as log:
        assert first_ticket.wait_for(log, "gateway") == f"{folder}\n"
    first_ticket.report(first_ticket.Laps(clone=1.0, ready=21.5, console=24.0, ticket=30.0))
    assert re.search(r"mails sent, ticket seen +6\.0 s\n +in all +30\.0 s", capsys.readouterr().out)
