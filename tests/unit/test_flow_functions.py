"""The functions of expressions give what Microsoft's reference says, and refuse what the platform refuses.

The tables `DOCUMENTED` are the examples of "Reference guide to functions in expressions for workflows in Azure Logic
Apps and Power Automate" (MicrosoftDocs/azure-docs); `OBSERVED` is what people report from runs of the platform.
"""

import contextlib
import itertools
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from devkit.flow_runs.functions import call_function, is_implemented
from devkit.flow_runs.values import Scope, TemplateFailure, UnknownFunctionError, evaluate
from devkit.flows.expressions import Call, find_expressions, parse_expression, walk
from devkit.flows.functions import FUNCTIONS
from devkit.flows.sources import FLOWS

SCOPE = Scope(
    now=datetime(2018, 3, 1, tzinfo=UTC),
    parameters={
        "person": {"firstName": "Sophia", "surName": "Owen"},
        "customer": {"customerName": {"firstName": "Sophia", "surName": "Owen"}},
        "null": None,
        "file": {"$content-type": "image/png", "$content": "iVBORw=="},
    },
)

DOCUMENTED = [
    # logic
    ("and(true, true)", True), ("and(false, true)", False), ("and(equals(1, 1), equals(1, 2))", False),
    ("or(true, false)", True), ("or(false, false)", False), ("not(false)", True), ("not(equals(1, 1))", False),
    ("equals(true, 1)", True), ("equals('abc', 'abcd')", False), ("if(equals(1, 1), 'yes', 'no')", "yes"),
    ("greater(10, 5)", True), ("greater('apple', 'banana')", False), ("greaterOrEquals(5, 5)", True),
    ("greaterOrEquals('apple', 'banana')", False), ("less(5, 10)", True), ("less('banana', 'apple')", False),
    ("lessOrEquals(10, 10)", True), ("lessOrEquals('apply', 'apple')", False),
    ("coalesce(null, true, false)", True), ("coalesce(null, 'hello', 'world')", "hello"),
    ("coalesce(null, null, null)", None),
    # numbers
    ("add(1, 1.5)", 2.5), ("sub(10.3, 0.3)", 10.0), ("mul(1, 2)", 2), ("mul(1.5, 2)", 3.0), ("div(10,5)", 2),
    ("div(11,5)", 2), ("div(11,5.0)", 2.2), ("div(11.0,5)", 2.2), ("mod(3, 2)", 1), ("mod(-5, 2)", -1),
    ("mod(4, -3)", 1), ("max(1, 2, 3)", 3), ("max(createArray(1, 2, 3))", 3), ("min(1, 2, 3)", 1),
    ("min(createArray(1, 2, 3))", 1), ("range(1, 4)", [1, 2, 3, 4]),
    # texts
    ("concat('Hello', 'World')", "HelloWorld"), ("replace('the old string', 'old', 'new')", "the new string"),
    ("split('a_b_c', '_')", ["a", "b", "c"]), ("split('a_b_c', ' ')", ["a_b_c"]),
    ("substring('hello world', 6, 5)", "world"), ("toLower('Hello World')", "hello world"),
    ("toUpper('Hello World')", "HELLO WORLD"), ("trim(' Hello World  ')", "Hello World"),
    ("startsWith('hello world', 'hello')", True), ("startsWith('hello world', 'greetings')", False),
    ("endsWith('hello world', 'world')", True), ("endsWith('hello world', 'universe')", False),
    ("indexOf('hello world', 'world')", 6), ("lastIndexOf('hello world hello world', 'world')", 18),
    ("lastIndexOf('hello world hello world', '')", 22), ("lastIndexOf('', 'a')", -1), ("lastIndexOf('', '')", 0),
    ("nthIndexOf('123456789123465789', '1', 1)", 0), ("nthIndexOf('123456789123465789', '1', 2)", 9),
    ("nthIndexOf('123456789123465789', '12', 2)", 9), ("nthIndexOf('123456789123465789', '6', 4)", -1),
    ("slice('Hello World', 2)", "llo World"), ("slice('Hello World', 30)", ""), ("slice('Hello World', 10, 2)", ""),
    ("slice('Hello World', 0)", "Hello World"), ("slice('Hello World', 2, 5)", "llo"),
    ("slice('Hello World', 6, 20)", "World"), ("slice('Hello World', -2)", "ld"),
    ("slice('Hello World', 3, -1)", "lo Worl"), ("slice('Hello World', 3, 3)", ""),
    ("isInt('10')", True), ("isFloat('10,000.00')", True),
    # collections
    ("chunk('abcdefghijklmnopqrstuvwxyz', 10)", ["abcdefghij", "klmnopqrst", "uvwxyz"]),
    ("chunk(createArray(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 5)", [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12]]),
    ("contains('hello world', 'world')", True), ("contains('hello world', 'universe')", False),
    ("empty('')", True), ("empty('abc')", False), ("first('hello')", "h"), ("first(createArray(0, 1, 2))", 0),
    ("last('abcd')", "d"), ("last(createArray(0, 1, 2, 3))", 3), ("length('abcd')", 4),
    ("length(createArray(0, 1, 2, 3))", 4), ("join(createArray('a', 'b', 'c'), '.')", "a.b.c"),
    ("intersection(createArray(1, 2, 3), createArray(101, 2, 1, 10), createArray(6, 8, 1, 2))", [1, 2]),
    ("union(createArray(1, 2, 3), createArray(1, 2, 10, 101))", [1, 2, 3, 10, 101]),
    ("union(createArray(1, 2, 1), createArray(3, 3))", [1, 2, 3]),
    ("reverse(createArray(0, 1, 2, 3))", [3, 2, 1, 0]), ("skip(createArray(0, 1, 2, 3), 1)", [1, 2, 3]),
    ("take('abcde', 3)", "abc"), ("take(createArray(0, 1, 2, 3, 4), 3)", [0, 1, 2]),
    ("sort(createArray(2, 1, 0, 3))", [0, 1, 2, 3]),
    ("""sort(createArray(json('{ "first": "Amalie", "last": "Rose" }'),
        json('{ "first": "Elise", "last": "Renee" }')), 'last')""",
     [{"first": "Elise", "last": "Renee"}, {"first": "Amalie", "last": "Rose"}]),
    ("addProperty(parameters('person'), 'middleName', 'Anne')",
     {"firstName": "Sophia", "surName": "Owen", "middleName": "Anne"}),
    ("setProperty(parameters('person'), 'surName', 'Hartnett')", {"firstName": "Sophia", "surName": "Hartnett"}),
    (("setProperty(parameters('customer'), 'customerName', "
      "setProperty(parameters('customer')['customerName'], 'surName', 'Hartnett'))"),
     {"customerName": {"firstName": "Sophia", "surName": "Hartnett"}}),
    ("removeProperty(parameters('person'), 'firstName')", {"surName": "Owen"}),
    ("removeProperty(parameters('person'), 'other')", {"firstName": "Sophia", "surName": "Owen"}),
    # conversion
    ("array('hello')", ["hello"]), ("createArray('h', 'e', 'l', 'l', 'o')", ["h", "e", "l", "l", "o"]),
    ("base64('hello')", "aGVsbG8="), ("base64ToString('aGVsbG8=')", "hello"),
    ("base64ToBinary('aGVsbG8=')", {"$content-type": "application/octet-stream", "$content": "aGVsbG8="}),
    ("binary('hello')", {"$content-type": "application/octet-stream", "$content": "aGVsbG8="}),
    ("bool(1)", True), ("bool(0)", False), ("bool(-1)", True), ("bool('true')", True), ("bool('false')", False),
    ("dataUri('hello')", "data:text/plain;charset=utf-8;base64,aGVsbG8="),
    ("dataUriToString('data:text/plain;charset=utf-8;base64,aGVsbG8=')", "hello"),
    ("dataUriToBinary('data:text/plain;charset=utf-8;base64,aGVsbG8=')",
     {"$content-type": "text/plain;charset=utf-8", "$content": "aGVsbG8="}),
    ("decodeUriComponent('https%3A%2F%2Fcontoso.com')", "https://contoso.com"),
    ("encodeUriComponent('https://contoso.com')", "https%3A%2F%2Fcontoso.com"), ("encodeURIComponent(12)", "12"),
    ("uriComponent('https://contoso.com')", "https%3A%2F%2Fcontoso.com"),
    ("uriComponentToString('https%3A%2F%2Fcontoso.com')", "https://contoso.com"),
    ("uriComponentToBinary('https%3A%2F%2Fcontoso.com')?['$content']", "aHR0cHM6Ly9jb250b3NvLmNvbQ=="),
    ("float('10,000.333')", 10000.333), ("float('.12345678')", 0.12345678), ("int('10')", 10),
    ("json('[1, 2, 3]')", [1, 2, 3]), ("json('{\"fullName\": \"Sophia Owen\"}')", {"fullName": "Sophia Owen"}),
    ("string(10)", "10"), ("string(null)", ""),
    ("string(parameters('person'))", '{"firstName":"Sophia","surName":"Owen"}'),
    ("uriHost('https://www.localhost.com:8080')", "www.localhost.com"),
    ("uriPath('https://www.contoso.com/catalog/shownew.htm?date=today')", "/catalog/shownew.htm"),
    ("uriPathAndQuery('https://www.contoso.com/catalog/shownew.htm?date=today')", "/catalog/shownew.htm?date=today"),
    ("uriPort('https://www.localhost:8080')", 8080), ("uriPort('https://www.localhost')", 443),
    ("uriQuery('https://www.contoso.com/catalog/shownew.htm?date=today')", "?date=today"),
    ("uriScheme('https://www.contoso.com/catalog/shownew.htm?date=today')", "https"),
    # dates
    ("addDays('2018-03-15T00:00:00Z', 10)", "2018-03-25T00:00:00.0000000Z"),
    ("addDays('2018-03-15T00:00:00Z', -5)", "2018-03-10T00:00:00.0000000Z"),
    ("addHours('2018-03-15T15:00:00Z', -5)", "2018-03-15T10:00:00.0000000Z"),
    ("addMinutes('2018-03-15T00:10:00Z', 10)", "2018-03-15T00:20:00.0000000Z"),
    ("addSeconds('2018-03-15T00:00:30Z', -5)", "2018-03-15T00:00:25.0000000Z"),
    ("addToTime('2018-01-01T00:00:00Z', 1, 'Day')", "2018-01-02T00:00:00.0000000Z"),
    ("addToTime('2018-01-01T00:00:00Z', 1, 'Day', 'D')", "Tuesday, January 2, 2018"),
    ("subtractFromTime('2018-01-02T00:00:00Z', 1, 'Day')", "2018-01-01T00:00:00.0000000Z"),
    ("subtractFromTime('2018-01-02T00:00:00Z', 1, 'Day', 'D')", "Monday, January 1, 2018"),
    ("getFutureTime(5, 'Day')", "2018-03-06T00:00:00.0000000Z"),
    ("getFutureTime(5, 'Day', 'D')", "Tuesday, March 6, 2018"),
    ("getPastTime(5, 'Day')", "2018-02-24T00:00:00.0000000Z"),
    ("convertFromUtc('2018-01-01T08:00:00.0000000Z', 'Pacific Standard Time')", "2018-01-01T00:00:00.0000000"),
    ("convertFromUtc('2018-01-01T08:00:00.0000000Z', 'Pacific Standard Time', 'D')", "Monday, January 1, 2018"),
    ("convertTimeZone('2018-01-01T08:00:00.0000000Z', 'UTC', 'Pacific Standard Time')", "2018-01-01T00:00:00.0000000"),
    ("convertToUtc('01/01/2018 00:00:00', 'Pacific Standard Time')", "2018-01-01T08:00:00.0000000Z"),
    ("convertToUtc('01/01/2018 00:00:00', 'Pacific Standard Time', 'D')", "Monday, January 1, 2018"),
    ("dateDifference('2015-02-08', '2018-07-30')", "1268.00:00:00"),
    ("dayOfMonth('2018-03-15T13:27:36Z')", 15), ("dayOfWeek('2018-03-15T13:27:36Z')", 4),
    ("dayOfYear('2018-03-15T13:27:36Z')", 74),
    ("formatDateTime('03/15/2018')", "2018-03-15T00:00:00.0000000"),
    ("formatDateTime('03/15/2018 12:00:00', 'yyyy-MM-ddTHH:mm:ss')", "2018-03-15T12:00:00"),
    ("formatDateTime('01/31/2016', 'dddd MMMM d')", "Sunday January 31"),
    ("startOfDay('2018-03-15T13:30:30Z')", "2018-03-15T00:00:00.0000000Z"),
    ("startOfHour('2018-03-15T13:30:30Z')", "2018-03-15T13:00:00.0000000Z"),
    ("startOfMonth('2018-03-15T13:30:30Z')", "2018-03-01T00:00:00.0000000Z"),
    ("startOfMonth('2018-03-15T13:30:30Z', 'yyyy-MM-dd')", "2018-03-01"),
    ("utcNow()", "2018-03-01T00:00:00.0000000Z"),
]  # fmt: skip
_EXAMPLE = "formatDateTime('2025-09-25T05:18:31.3384797Z', '{}')"
FORMATS = {
    "o": "2025-09-25T05:18:31.3384797Z", "u": "2025-09-25 05:18:31Z", "U": "Thursday, September 25, 2025 5:18:31 AM",
    "d": "9/25/2025", "D": "Thursday, September 25, 2025", "t": "5:18 AM", "T": "5:18:31 AM", "y": "September 2025",
    "yyyy": "2025", "ddd, d MMM yyyy": "Thu, 25 Sep 2025", "s": "2025-09-25T05:18:31", "g": "9/25/2025 5:18 AM",
    "R": "Thu, 25 Sep 2025 05:18:31 GMT", "m": "September 25", "": "9/25/2025 5:18:31 AM",
    "yyyy-MM-ddTHH:mm:ssZ": "2025-09-25T05:18:31Z", "yy M dd HH:mm:ss.fff": "25 9 25 05:18:31.338",
    "h tt, %h, hh, %K, zzz": "5 AM, 5, 05, Z, +00:00", r"d \d \\": r"25 d \ ".strip(), "''d'' d \"M\"": "d 25 M",
    "dddd d MMMM yyyy, HH:mm": "Thursday 25 September 2025, 05:18", "ss.FFFFFFF|F": "31.3384797|3",
}  # fmt: skip
OBSERVED = [
    ("equals(null, '')", False), ("equals(null, parameters('null'))", True), ("equals('1', 1)", False),
    ("equals(1, 1.0)", True), ("equals('A', 'a')", False), ("equals(createArray(1), json('[1]'))", True),
    ("string(true)", "True"), ("concat('a', null, 1, false, json('[1,{}]'))", "a1False[1,{}]"),
    ("empty(null)", True), ("empty(json('{}'))", True), ("first(json('[]'))", None), ("last('')", None),
    ("join(createArray('a', null, 1), ', ')", "a, , 1"), ("contains(createArray('a', 1), 1)", True),
    ("contains(parameters('person'), 'surName')", True), ("contains(parameters('person'), 'surname')", False),
    ("INDEXOF('Hello', 'LL')", 2), ("take('ab', 5)", "ab"), ("trim('\u3000a\u3000')", "a"),
    ("encodeURIComponent('a b''+/é~')", "a%20b%27%2B%2F%C3%A9~"), ("decodeUriComponent('%0A')", "\n"),
    ("int('03')", 3), ("json('null')", None), ("base64(parameters('file'))", "iVBORw=="),
    ("dataUri(parameters('file'))", "data:image/png;base64,iVBORw=="), ("string(binary('ä'))", "ä"),
    ("json(base64ToBinary('eyJhIjoxfQ=='))", {"a": 1}), ("base64ToString(base64('ä'))", "ä"),
    ("addToTime('2024-01-31', 1, 'month', 'yyyy-MM-dd')", "2024-02-29"),
    ("addToTime('2024-02-29', -1, 'Year', 'yyyy-MM-dd')", "2023-02-28"),
    ("addDays('2018-03-15', 1)", "2018-03-16T00:00:00.0000000"),
    ("formatDateTime('2026-05-05T09:00:00+02:00', 'HH:mm K')", "07:00 Z"),
    ("formatDateTime('2026-05-05T09:00:00.1234567+02:00')", "2026-05-05T07:00:00.1234567Z"),
    ("formatDateTime('5 May 2026 12:05 am', 's')", "2026-05-05T00:05:00"),
    ("formatDateTime('May 5, 2026 12:05 PM', 's')", "2026-05-05T12:05:00"),
    ("formatDateTime('Tue, 05 May 2026 09:00:00 GMT')", "2026-05-05T09:00:00.0000000Z"),
    ("formatDateTime('2026-05-05T09:00:00', 'HH.FFF')", "09"),
    ("convertFromUtc('2026-03-29T01:00:00Z', 'W. Europe Standard Time', 'HH:mm')", "03:00"),
    ("convertToUtc('2026-10-25T02:30:00', 'W. Europe Standard Time', 'HH:mm')", "01:30"),
    ("dateDifference('2026-05-05T10:00:00', '2026-05-05T09:59:58.5')", "-00:00:01.5000000"),
    ("length('a😀')", 3), ("indexOf('😀a', 'a')", 2), ("substring('😀a', 2)", "a"),
    ("slice('😀ab', -1)", "b"), ("encodeURIComponent(take('a😀', 2))", "a%EF%BF%BD"),
    ("isInt('9223372036854775807')", True), ("isInt('9223372036854775808')", False), ("isInt('1.0')", False),
    ("ticks('2018-03-15T00:00:00Z')", 636566688000000000),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "value"), DOCUMENTED + OBSERVED)
def test_a_function_gives_what_is_documented(expression: str, value: Any) -> None:
    result = evaluate(f"@{expression}", SCOPE)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(("form", "text"), FORMATS.items())
def test_timestamps_are_written_as_dotnet_writes_them(form: str, text: str) -> None:
    assert evaluate(f"@{_EXAMPLE.format(form)}", SCOPE) == text


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        *((f"{name}(null)", "'Null'") for name in (
            "length", "first", "last", "toLower", "toUpper", "trim", "base64", "base64ToString", "encodeURIComponent",
            "decodeUriComponent", "formatDateTime", "ticks", "json", "not", "max", "reverse", "uriHost", "dayOfWeek",
        )),
        *((f"{name}(null, 'a')", "'Null'") for name in (
            "split", "join", "contains", "startsWith", "endsWith", "indexOf", "union", "formatDateTime", "convertToUtc",
        )),
        *((f"{name}(null, 1)", "'Null'") for name in (
            "add", "sub", "mul", "div", "mod", "take", "skip", "addDays", "greater", "lessOrEquals", "chunk", "range",
        )),
        ("replace(null, 'a', 'b')", "expects its first parameter to be a string. The provided value is of type 'Null'"),
        ("replace('a', 'a', null)", "expects its third parameter"),
        ("replace(5, '5', '6')", "'Integer'"),
        ("replace('a', '', 'b')", "empty"),
        ("substring(null, 0)", "'Null'"), ("substring('abc', 2, 5)", "not within a text of 3"),
        ("empty(5)", "'Integer'"), ("length(parameters('person'))", "'Object'"), ("join('text', ',')", "'String'"),
        ("if(null, 1, 2)", "of type boolean"), ("if('true', 1, 2)", "'String'"),
        ("and(true, null)", "expects all of its parameters to be booleans. Found invalid parameter types: 'Null'"),
        ("or(true, 'test')", "'String'"), ("and(false, equals(length(null), 1))", "'length'"),
        ("coalesce('a', toLower(null))", "'toLower'"),
        ("greater('5', 3)", "'String' and 'Integer' that do not match"), ("less(null, null)", "'Null' and 'Null'"),
        *((call, "cannot be converted") for call in ("int('5.5')", "int('')", "float('a')", "bool('yes')")),
        ("json('{')", "cannot be parsed"), ("base64ToString('%')", "not base64"),
        ("add('1', 2)", "'String'"), ("div(1, 0)", "the divisor is zero"), ("take('abc', -1)", "a positive integer"),
        ("max(json('[]'))", "empty"), ("addDays('2018-03-15', '1')", "expects its second parameter to be an integer"),
        ("addProperty(parameters('person'), 'SURNAME', 1)", "exists already"),
        ("formatDateTime('tomorrow')", "'tomorrow' is no timestamp"),
        ("formatDateTime('2018-02-30')", "no timestamp"), ("formatDateTime('2018-01-01T80:00:00Z')", "no timestamp"),
        ("formatDateTime('2018-02-28', 'Q')", "there is no standard format 'Q'"),
        ("formatDateTime('2018-02-28', 'yyyy ''open')", "without its end"),
        ("addToTime('2018-02-28', 1, 'Fortnight')", "there is no unit"),
        ("convertFromUtc('2018-02-28', 'Europe/Berlin')", "'Europe/Berlin' is not valid"),
        ("convertFromUtc('2018-02-28', 'Nowhere')", "'Nowhere' is not valid"),
        ("convertToUtc('2018-02-28T00:00:00Z', 'W. Europe Standard Time')", "the timestamp is in UTC"),
        ("convertToUtc('2026-03-29T02:30:00', 'W. Europe Standard Time')", "no such time"),
        ("take('a')", "it was invoked with 1"),
    ],
)  # fmt: skip
def test_a_function_refuses_what_the_platform_refuses(expression: str, why: str) -> None:
    with pytest.raises(TemplateFailure, match=re.escape(why)):
        evaluate(f"@{expression}", SCOPE)


@pytest.mark.parametrize("expression", ["if(true, 1, length(null))", "if(false, toLower(null), 1)"])
def test_if_is_known_in_both_readings(expression: str) -> None:
    assert evaluate(f"@{expression}", SCOPE) == 1
    eager = Scope(now=SCOPE.now, reads_both_branches=True)
    with pytest.raises(TemplateFailure, match="'Null'"):
        evaluate(f"@{expression}", eager)
    assert evaluate("@if(true, 1, 2)", eager) == 1


def test_random_values_have_their_form() -> None:
    assert evaluate("@rand(1, 2)", SCOPE) == 1
    guid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert re.fullmatch(guid, evaluate("@guid()", SCOPE))
    assert re.fullmatch(rf"\({guid}\)", evaluate("@guid('P')", SCOPE))
    assert re.fullmatch("[0-9a-f]{32}", evaluate("@guid('N')", SCOPE))


@pytest.mark.parametrize(
    "expression",
    [
        "xpath('<a/>', '/a')",
        "formatDateTime('2018-02-28', 'D', 'fr-fr')",
        "float('1,5', 'de-de')",
        "parseDateTime('20180228', 'en-us', 'yyyyMMdd')",
    ],
)
def test_what_cannot_be_evaluated_here_says_so_and_is_no_failure_of_the_flow(expression: str) -> None:
    with pytest.raises(UnknownFunctionError, match=expression.partition("(")[0]):
        evaluate(f"@{expression}", SCOPE)


def test_every_function_of_the_sample_flows_can_be_called() -> None:
    used = set()
    for file in FLOWS.glob("*.json"):
        for text in _texts(json.loads(file.read_text(encoding="utf-8"))["properties"]["definition"]):
            for expression in find_expressions(text):
                used |= {node.name for node in walk(parse_expression(expression)) if isinstance(node, Call)}
    assert len(used) > 20
    assert not {name for name in used if not is_implemented(name)}


def test_the_functions_that_cannot_be_called_are_few_and_known() -> None:
    assert {name for name in FUNCTIONS if not is_implemented(name)} == {
        "action", "decimal", "formatNumber", "listCallbackUrl", "triggerFormDataValue", "xml", "xpath"
    }  # fmt: skip


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, below in value.items() for text in [key, *_texts(below)]]
    return [text for below in value for text in _texts(below)] if isinstance(value, list) else []


_ODD: list[Any] = [
    None, True, 0, -1, 10**30, 1.5, "", "x", "2026-05-05T09:00:00Z", "0001-01-01", "day", [], [None, "a", {}], {},
    {"$content": "%", "$content-type": "a/b"}, "\ud83d",
]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if is_implemented(name)])
def test_a_function_answers_or_refuses_whatever_it_is_given(name: str) -> None:
    least, most = FUNCTIONS[name]
    for count in range(least, min(most, 3) + 1):
        for arguments in itertools.product(_ODD[:: max(1, 2 * count - 3)], repeat=count):
            with contextlib.suppress(TemplateFailure, UnknownFunctionError):
                json.dumps(call_function(name, arguments, SCOPE))
