"""The documents agree with the code: settings, routes, parameters, events and errors; links, widths and tables."""

import ast
import json
import re

import pytest

from blueprints._bounds import (
    APPOINTMENT_PAGE,
    APPOINTMENT_PAGE_WITH_DETAILS,
    LONGEST_EXPLAINED,
    LONGEST_FREE_TIME,
    LONGEST_RANGE,
    MAIL_PAGE,
    MINUTES_AHEAD,
    MOST_PAGES,
    MOST_SERVICES,
    SLOT_PAGE,
    Bounds,
)
from blueprints._http import STATUS
from devkit.connector.document import build_definition
from devkit.connector.files import REFERENCE
from devkit.connector.pages import find_gaps
from devkit.documents import find_outdated
from shared import errors
from shared.events import Event
from shared.settings.catalogue import SETTINGS, Setting
from shared.settings.kinds import Choice, WholeNumber
from tests.house.source import ROOT, TREES, deployed, tracked_files
from tests.house.triggers import functions

pytestmark = pytest.mark.xdist_group(TREES)

API = (ROOT / "docs/api.md").read_text()
ERRORS = (ROOT / "docs/errors.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()


def show(bounds: Bounds) -> str:
    return f"{bounds.least} to {bounds.most} ({bounds.default})"


def sections() -> dict[str, str]:
    """Return the sections of docs/api.md by heading, such as "GET bookings/businesses"."""
    parts = re.split(r"^### (.+)$", API, flags=re.MULTILINE)
    return {heading.strip(): text for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_every_route_is_documented_and_every_documented_route_exists() -> None:
    built = {f"{next(m for m in each['methods'] if m != 'HEAD')} {each['route']}" for each in functions()}
    assert set(sections()) == built


def test_every_parameter_is_documented_with_its_route() -> None:
    for each in functions():
        text = sections()[f"{next(m for m in each['methods'] if m != 'HEAD')} {each['route']}"]
        for name in set(each["parameters"]) - {"connection", "code"}:
            assert re.search(rf"`{name}(=\w+)?`", text), f"{each['route']}: {name}"


@pytest.mark.parametrize(
    ("route", "text"),
    [
        ("GET bookings/businesses/{business}/appointments", f"| `start`, `end` | needed; {LONGEST_RANGE.days} days at"),
        ("GET bookings/businesses/{business}/appointments", f"| `limit` | {show(APPOINTMENT_PAGE)}; with details"),
        ("GET bookings/businesses/{business}/appointments", f"details {show(APPOINTMENT_PAGE_WITH_DETAILS)} |"),
        ("GET bookings/businesses/{business}/slots", f"needed; {LONGEST_FREE_TIME.days} days at most"),
        ("GET bookings/businesses/{business}/slots", f"{LONGEST_EXPLAINED.days} with `explain=true`"),
        ("GET bookings/businesses/{business}/slots", f"| `service` | needed; ids, {MOST_SERVICES} at most."),
        ("GET bookings/businesses/{business}/slots", f"| `limit` | {show(SLOT_PAGE)} |"),
        ("GET bookings/slots", f"mail addresses, {MOST_PAGES} at most"),
        ("POST bookings/businesses/{business}/availability", f"({LONGEST_FREE_TIME.days} days at most)"),
        ("GET bookings/businesses/{business}/changes", f"| `limit` | {show(APPOINTMENT_PAGE)}; with details"),
        ("GET bookings/businesses/{business}/changes", f"details {show(APPOINTMENT_PAGE_WITH_DETAILS)} |"),
        ("GET mailboxes/{mailbox}/mails", f"| `limit` | {show(MAIL_PAGE)} |"),
        ("GET triggers/appointments/{kind}", show(MINUTES_AHEAD)),
    ],
)
def test_the_bounds_of_parameters_are_those_of_the_routes(route: str, text: str) -> None:
    assert text in re.sub(r"\s+", " ", sections()[route])


def test_the_readme_names_routes_that_exist() -> None:
    routes = {each["route"] for each in functions()}
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`(?:GET|POST|PATCH) ([a-z][^`? ]*)", readme))
    assert named <= routes
    assert {"bookings/businesses", "mailboxes", "health", "status", "doctor"} <= named


def test_what_is_written_from_the_code_is_up_to_date() -> None:
    assert list(find_outdated(ROOT)) == [], "run python3 -m devkit docs"


def test_every_operation_has_a_recorded_example() -> None:
    page, definition = REFERENCE.read_text(), build_definition()
    assert find_gaps(page, definition) == [], "run .venv/bin/python -m devkit.connector.reference"
    lost = page.replace("`GetAgenda`. ", "`GetDiary`. ").replace("| Start | `", "| Beginning | `")
    gaps = find_gaps(lost, definition)
    assert {"GetAgenda has no recorded example", "GetDiary is no operation that makers see"} <= set(gaps)
    assert "CreateAppointment has no field Beginning any more" in gaps
    begins = page.index("```json", page.index("`GetBookingPage`. "))
    assert find_gaps(page[:begins] + page[begins + 8 :], definition) == ["GetBookingPage has no recorded example"]


def test_every_setting_is_documented_and_sampled() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    for setting in SETTINGS:
        assert re.search(rf"^\| `{setting.name}` \| .+ \| .+ \| .+ \|$", text, flags=re.MULTILINE), setting.name
        assert isinstance(sample[setting.name], str)
    assert set(sample) - {each.name for each in SETTINGS} == {"AzureWebJobsStorage", "FUNCTIONS_WORKER_RUNTIME"}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.name)
def test_a_setting_says_its_bounds_and_choices_once(setting: Setting) -> None:
    """They are written from its kind, so its sentence does not repeat them."""
    match setting.kind:
        case WholeNumber(least, most):
            assert not {str(least), str(most)} & set(re.findall(r"\d+", setting.text))
        case Choice(words):
            assert sum(word in re.findall(r"[\w-]+", setting.text) for word in words) < len(words)
        case _:
            pass


def test_every_event_is_documented_and_every_documented_event_exists() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", OPERATIONS.partition("## Events")[2], flags=re.MULTILINE)
    assert sorted(rows) == sorted(event.value for event in Event)


def test_the_readme_names_settings_that_exist() -> None:
    known = {setting.name for setting in SETTINGS}
    table = (ROOT / "README.md").read_text().partition("## Settings")[2].partition("## Documents")[0]
    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", table)) <= known


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text()
    for path in [*ROOT.glob("docs/*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"]:
        assert f"({path.relative_to(ROOT).as_posix()})" in readme, path.name


def codes_in_the_code() -> set[str]:
    """Return every error code that deployed code can send, read from the syntax."""
    found = set()
    for module in deployed():
        for node in module.nodes:
            if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                found.add(str(node.value.value))
            if isinstance(node, ast.ClassDef) and module.name == "shared.errors":
                found |= {
                    str(line.value.value)
                    for line in node.body
                    if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant)
                }
            match node:
                case ast.Call(func=ast.Attribute(attr="_explain_refusals"), args=[ast.Constant(value=str(thing)), *_]):
                    found.add(f"{thing.capitalize()}NotFound")
    tables = (ROOT / "shared/graph/answers.py").read_text()
    found |= set(re.findall(r'\(\s*\w+,\s+"(\w+)",\s+"', tables))
    return found


# Default codes of the families; every raise gives a code of its own, as the last test of errors checks.
BRANCHES = {"GatewayError", "Refused", "Forbidden", "NotFound"}


def test_every_error_code_is_documented_and_every_documented_code_exists() -> None:
    documented = {
        code
        for cell in re.findall(r"^\| (?:\d{3}|none) \| (.+?) \|", ERRORS, flags=re.MULTILINE)
        for code in re.findall(r"`(\w+)`", cell)
    }
    assert documented == codes_in_the_code() - BRANCHES


def test_an_error_is_documented_with_the_status_that_it_is_answered_with() -> None:
    documented = {
        (int(status), code)
        for status, cell in re.findall(r"^\| (\d{3}) \| (.+?) \|", ERRORS, flags=re.MULTILINE)
        for code in re.findall(r"`(\w+)`", cell)
    }
    listed = {code for _, code in documented}
    checked = 0
    for module in deployed():
        for node in module.nodes:
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            kind = getattr(errors, node.func.id, None)
            for code in (each.value for each in node.keywords if each.arg == "code"):
                if isinstance(kind, type) and isinstance(code, ast.Constant) and code.value in listed:
                    status = next(STATUS[base] for base in kind.__mro__ if base in STATUS)
                    assert (status, code.value) in documented, f"{module.name}:{node.lineno}"
                    checked += 1
    assert checked > 20


def test_every_raise_of_a_family_gives_a_code() -> None:
    for module in deployed():
        for node in module.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BRANCHES:
                assert "code" in {keyword.arg for keyword in node.keywords}, f"{module.name}:{node.lineno}"


def anchors_of(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_between_documents_have_a_target() -> None:
    for path in tracked_files():
        if path.suffix != ".md":
            continue
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", path.read_text()):
            page = path.parent / target if target else path
            assert page.exists(), f"{path.name}: {target}"
            if anchor and page.suffix == ".md":
                assert anchor in anchors_of(page.read_text()), f"{path.name}: {target}#{anchor}"


def paths_in_the_map() -> set[str]:
    """Return every folder and module in the map of folders of docs/architecture.md, as paths from the root."""
    section = (ROOT / "docs/architecture.md").read_text().partition("## Folders")[2].partition("## ")[0]
    found, top = set(), ""
    for line in "\n".join(re.findall(r"```text\n(.*?)```", section, flags=re.DOTALL)).splitlines():
        names = re.findall(r"(?<!\S)[\w-]+(?:\.py|/)(?!\S)", line)
        if not line.startswith(" "):
            top = names[0] if names and names[0].endswith("/") else ""
            found |= set(names)
        else:
            found |= {top + name for name in names}
    return found


def test_the_map_of_folders_is_complete_and_true() -> None:
    named = paths_in_the_map()
    assert {name for name in named if not (ROOT / name).exists()} == set()
    folders = {module.path.parent.relative_to(ROOT).as_posix() + "/" for module in deployed()} - {"./"}
    assert {folder for folder in folders if folder.count("/") <= 2} <= named


GENERATED = {"docs/flows-reference.md"}


def prose_lines(text: str) -> list[tuple[int, str]]:
    """Return the lines outside tables and code, with their numbers."""
    found = []
    is_code = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code and not line.lstrip().startswith("|"):
            found.append((number, line))
    return found


def test_prose_is_at_most_120_columns_wide() -> None:
    long = []
    for path in tracked_files():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".md" and name not in GENERATED:
            long += [f"{name}:{number}" for number, line in prose_lines(path.read_text()) if len(line) > 120]
    assert long == []


def test_lines_are_counted_outside_tables_and_code_only() -> None:
    assert prose_lines("one\n| two |\n```json\nthree\n```\nfour") == [(1, "one"), (6, "four")]


def test_tables_have_no_blank_line_inside() -> None:
    """A blank line ends a table, so rows behind it are shown as text."""
    for path in tracked_files():
        if path.suffix == ".md":
            for block in re.split(r"\n\s*\n", re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)):
                rows = [row for line in block.splitlines() if (row := line.strip()).startswith("|")]
                assert not rows or re.match(r"^\|[\s:|-]+\|$", "".join(rows[1:2])), f"{path.name}: {rows[0]}"
