"""Bad days of the sample flows about appointments: what fails, and who hears of it; each a run from trigger to end."""

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest

from devkit.flow_runs.engine import LONGEST_RESPONSE, Run
from devkit.flow_runs.failure_table import Case, Trial
from devkit.flow_runs.faults import Fault, Kind
from devkit.flow_runs.world import SETTINGS, FlowWorld
from tests.functional.conftest import Gateway
from tests.functional.flow_scenarios import CUSTOMER, Scenarios

pytestmark = [
    pytest.mark.usefixtures("rows_in_memory"),
    pytest.mark.slow(reason="books appointments for each test, and runs the whole flow for each"),
]

CHARGE = (SETTINGS["Recipients"],)
BROKEN = (Kind.REFUSED, Kind.UNAVAILABLE, Kind.TIMED_OUT)


@pytest.fixture
def scenarios(gateway_process: Gateway) -> Scenarios:
    return Scenarios(gateway_process)


def change(case: Case, **fields: Any) -> Case:
    """The same event with other fields."""
    trigger = copy.deepcopy(dict(case.trigger))
    trigger["outputs"]["body"] |= fields
    return replace(case, trigger=trigger)


def run(case: Case, fault: Fault | None = None, *, eagerly: bool = True) -> tuple[Trial, Run]:
    trial = Trial(case, eagerly, fault)
    return trial, trial.run()


def alarms(trial: Trial) -> list[str]:
    return [mail.body for mail in trial.world.outlook.mails if mail.to == CHARGE]


# -- cancelled -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("step", ["Find_the_free_slot", "Look_for_its_tickets", "Note_the_cancellation"])
def test_the_team_hears_of_a_cancellation_whatever_else_fails(scenarios: Scenarios, step: str, kind: Kind) -> None:
    _, case = scenarios.cases("appointment-cancelled")
    trial, ended = run(case, Fault(step, kind))
    [message] = trial.world.teams.messages
    assert message.body.startswith("<p><b>Cancelled</b></p><p>")
    assert ("could not be found out" in message.body) == (step == "Find_the_free_slot")
    assert ended.status == "Failed"
    assert len(alarms(trial)) == 1


def test_of_a_service_that_is_gone_the_team_reads_the_gateways_sentence(scenarios: Scenarios) -> None:
    case, _ = scenarios.cases("appointment-cancelled")
    trial, ended = run(change(case, serviceId="00000000-0000-0000-0000-000000000000"))
    [message] = trial.world.teams.messages
    assert "could not be found out. There is no such service" in message.body, message.body
    assert ended.status == "Failed"


def test_a_cancellation_is_noted_beside_one_whose_number_begins_alike(scenarios: Scenarios) -> None:
    case, _ = scenarios.cases("appointment-cancelled")
    event = case.trigger["outputs"]["body"]

    def open_world() -> FlowWorld:
        world = FlowWorld()
        world.tickets.add(
            Title="T" * 255,
            EventId="e",
            AppointmentId=event["appointmentId"],
            Notes=f"cancelled (event {event['eventId']}7), Team informed (event {event['eventId']}7)",
        )
        return world

    trial, ended = run(replace(case, open_world=open_world))
    assert ended.status == "Succeeded"
    [ticket] = trial.world.tickets.items.values()
    noted = str(ticket.values["Notes"]).splitlines()[1:]
    assert [line.partition("Z: ")[2].partition(")")[0] for line in noted] == [
        f"cancelled (event {event['eventId']}", f"Team informed (event {event['eventId']}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "kind", "messages"),
    [
        ("Find_the_free_slot", Kind.REFUSED, 1),
        ("Tell_the_team", Kind.REFUSED, 1),
        ("Look_for_its_tickets", Kind.REFUSED, 2),  # nobody knew whether the team had been informed
        ("Note_the_cancellation", Kind.REFUSED, 2),
    ],
)
def test_a_cancellation_goes_on_where_it_stopped(scenarios: Scenarios, step: str, kind: Kind, messages: int) -> None:
    _, case = scenarios.cases("appointment-cancelled")
    trial, ended = run(case, Fault(step, kind))
    assert ended.status == "Failed"
    trial.mend()
    assert trial.run().status == "Succeeded"
    assert trial.run().status == "Succeeded"
    assert len(trial.world.teams.messages) == messages
    [notes] = [str(one.values["Notes"]) for one in trial.world.tickets.items.values() if one.values["EventId"] == "e-1"]
    assert (notes.count("cancelled (event"), notes.count("Team informed (event")) == (1, 1)


# -- book or move ----------------------------------------------------------------------------------------------------


def ask_again(case: Case, run_before: Run) -> Case:
    """The same request with the key that was answered, as a caller would send it."""
    assert run_before.response is not None
    assert run_before.response.body["requestKey"]
    return change(case, requestKey=run_before.response.body["requestKey"])


@pytest.mark.parametrize("number", [0, 2], ids=["book", "move"])
@pytest.mark.parametrize("kind", [Kind.LOST, Kind.TIMED_OUT])
def test_after_an_unknown_outcome_the_same_key_finds_it_out(scenarios: Scenarios, number: int, kind: Kind) -> None:
    case = list(scenarios.cases("book-appointment"))[number]
    step = "Move_the_appointment" if number else "Book_the_appointment"
    trial, ended = run(case, Fault(step, kind))
    assert ended.response is not None, "whoever asked waits for ever"
    assert ended.response.status in (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)
    assert ended.response.body["code"] == "OutcomeUnknown"
    assert "requestKey" in ended.response.body["message"]
    assert ended.status == "Failed"
    assert len(alarms(trial)) == 1
    _, again = run(ask_again(case, ended))
    assert again.status == "Succeeded"
    assert again.response is not None
    assert again.response.status == (HTTPStatus.OK if number else HTTPStatus.CREATED)
    once = {thing.which: count for thing, count in case.count_more().items()}
    assert set(once.values()) == {1}
    case.clean_up()


@pytest.mark.parametrize("kind", [*BROKEN, Kind.LOST])
def test_an_answer_comes_before_the_platform_gives_up(scenarios: Scenarios, kind: Kind) -> None:
    case = next(scenarios.cases("book-appointment"))
    _, ended = run(case, Fault("Book_the_appointment", kind))
    answer = next(record for record in ended.history if record["name"] == "Respond_with_the_reason")
    assert answer["status"] == "Succeeded"
    answered = datetime.fromisoformat(answer["endTime"])
    assert (answered - ended.start).total_seconds() < LONGEST_RESPONSE
    case.clean_up()


def test_a_request_that_is_refused_is_answered_and_bothers_nobody_else(scenarios: Scenarios) -> None:
    case = change(next(scenarios.cases("book-appointment")), start="tomorrow", requestKey="my key-1")
    trial, ended = run(case)
    assert ended.response is not None
    assert ended.response.status == HTTPStatus.BAD_REQUEST
    assert ended.response.body["code"] == "InvalidDate"
    assert ended.response.body["requestKey"] == "my key-1"
    assert ended.status == "Failed"
    assert ended.error is not None
    assert ended.error["code"] == "InvalidDate"
    assert trial.world.outlook.mails == []


# -- new appointments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "kind", "messages"),
    [
        ("Tell_the_team", Kind.REFUSED, 1),
        ("Tell_the_team", Kind.LOST, 3),  # two tries and one when the run was resubmitted: nobody knows better
        ("Note_that_the_team_was_informed", Kind.UNAVAILABLE, 2),
        ("Create_the_ticket", Kind.LOST, 1),
    ],
)
@pytest.mark.parametrize("name", ["new-appointment-ticket", "new-appointment-without-connector"])
def test_a_run_that_is_resubmitted_goes_on_where_it_stopped(
    scenarios: Scenarios, name: str, step: str, kind: Kind, messages: int
) -> None:
    case = list(scenarios.cases(name))[-1]
    appointments = 1 if name.endswith("ticket") else 2
    trial, ended = run(case, Fault(step, kind))
    assert ended.status == "Failed"
    assert len(alarms(trial)) == 1
    trial.mend()
    assert trial.run().status == "Succeeded"
    assert len(trial.world.tickets.items) == appointments
    assert len(trial.world.teams.messages) == messages * appointments
    assert all("Team informed" in str(ticket.values["Notes"]) for ticket in trial.world.tickets.items.values())


def test_a_long_name_and_long_answers_fit(scenarios: Scenarios) -> None:
    case = change(
        next(scenarios.cases("new-appointment-ticket")),
        customerName="O'Neil & " * 100, customerNotes="&<" * 20_000, eventId="g'1-7",
    )  # fmt: skip
    trial, ended = run(case)
    assert ended.status == "Succeeded", ended.error
    [ticket] = trial.world.tickets.items.values()
    assert len(str(ticket.values["Title"])) == 255
    trial, ended = run(replace(case, open_world=lambda: trial.world))
    assert (ended.status, len(trial.world.tickets.items)) == ("Succeeded", 1), "a quote hides the ticket"


def test_the_key_of_plain_http_stays_hidden_if_the_gateway_refuses_it(scenarios: Scenarios) -> None:
    case = next(scenarios.cases("new-appointment-without-connector"))
    wrong = replace(case, settings={**case.settings, "GatewayKey": "not-the-key-7f3a"})
    trial, ended = run(wrong)
    assert ended.status == "Failed"
    [alarm] = alarms(trial)
    assert "“Ask the gateway”" in alarm
    assert "not-the-key-7f3a" not in alarm + str(ended.history)


# -- people who cannot be mailed -------------------------------------------------------------------------------------


def test_every_customer_of_a_group_is_mailed_alone(scenarios: Scenarios) -> None:
    case = next(scenarios.cases("appointment-rescheduled"))
    people = [{**CUSTOMER, "emailAddress": f"{name}@example.com"} for name in ("cleo", "dan", "cleo")]
    nobody = {**CUSTOMER, "emailAddress": None}
    trial, ended = run(change(case, customers=[*people, nobody], customerEmailAddress=None))
    assert ended.status == "Succeeded"
    assert sorted(mail.to for mail in trial.world.outlook.mails) == [("cleo@example.com",), ("dan@example.com",)]
    trial, ended = run(change(case, customers=[nobody], customerEmailAddress=""))
    assert ended.status == "Succeeded"
    assert "nobody was mailed" in trial.world.teams.messages[0].body


def test_without_anybody_to_remind_those_in_charge_are_mailed(scenarios: Scenarios) -> None:
    case = next(scenarios.cases("appointment-reminder"))
    for staff in ([], None, [{"id": "s", "displayName": "Anne", "emailAddress": None}]):
        trial, ended = run(change(case, staffMembers=staff))
        assert ended.status == "Succeeded"
        [mail] = trial.world.outlook.mails
        assert (mail.to, mail.subject.partition(":")[0]) == (CHARGE, "Nobody was reminded")


def test_the_team_reads_which_staff_could_not_be_mailed(scenarios: Scenarios) -> None:
    case = next(scenarios.cases("appointment-reassigned"))
    staff = [
        {"id": "a", "displayName": "Anne <A>", "emailAddress": ""},
        {"id": "b", "displayName": "Bob", "emailAddress": "bob@example.com"},
    ]
    trial, ended = run(change(case, staffMembers=staff))
    assert ended.status == "Succeeded"
    assert [mail.to for mail in trial.world.outlook.mails] == [("bob@example.com",)]
    assert "no mail address: Anne &lt;A>" in trial.world.teams.messages[0].body


# -- a form ----------------------------------------------------------------------------------------------------------


def answer_form(case: Case, answer: Any, responder: str = "robin@contoso.com") -> tuple[Trial, Run]:
    response = {"responder": responder, "r1": answer}
    return run(replace(case, open_world=lambda: FlowWorld(responses={7: response})))


@pytest.mark.parametrize(
    ("form", "is_clear"),
    [
        ("%Y-%m-%d", True),
        ("%Y-%m-%dT00:00:00Z", True),
        ("%d.%m.%Y", True),
        ("%d/%m/%Y", True),
        ("%m/%d/%Y", True),
        ("next week", False),
        ("5/6/2027", False),
        ("%d.%m.%y", False),
        ("1.2", False),
        ("", True),
    ],
)
def test_a_day_is_understood_in_every_form_or_the_answer_says_that_it_was_not(
    scenarios: Scenarios, form: str, is_clear: bool
) -> None:
    case = next(scenarios.cases("free-slot-answer"))
    today = datetime.now(UTC)
    day = (today.replace(day=1) + timedelta(days=45)).replace(day=23)  # no month has this number
    trial, ended = answer_form(case, day.strftime(form))
    assert ended.status == "Succeeded"
    [mail] = trial.world.outlook.mails
    assert ("was not understood" in mail.body) is not is_clear
    first = day if is_clear and form else case.now
    assert f"in the week from {first:%Y-%m-%d} on" in mail.body


def test_an_answer_of_somebody_unknown_reaches_those_in_charge(scenarios: Scenarios) -> None:
    trial, ended = answer_form(next(scenarios.cases("free-slot-answer")), None, "anonymous")
    assert ended.status == "Succeeded"
    assert [mail.to for mail in trial.world.outlook.mails] == [CHARGE]
