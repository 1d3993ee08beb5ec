"""The rules of a mailbox: what they ask of a mail, and what they do with it. Nothing in them is a regular expression.

`inbound_mail.content.rules` compares mails with them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.mail_address import is_mail_address
from shared.settings.json_catalogue import CONDITION_FIELDS, CUSTOM_FIELD, PLACEHOLDERS, RULE_FIELDS
from shared.settings.json_fields import Report, check_fields
from shared.settings.requestor_policy import NAMED_POLICIES

MOST_RULES = 100
_MOST_CONDITIONS = 100  # in one list
_DEEPEST = 3
_MOST_VALUES = 100  # of one condition
_LONGEST_VALUE = 200
_LONGEST_REASON = 300
_MOST_CUSTOM_FIELDS = 20
_LONGEST_CUSTOM_FIELD = 500
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_DOMAIN = re.compile(r"@(?=.{3,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE)
_TAG = re.compile(r"[^@\s]{1,64}")
_HEADER = re.compile(r"[!-9;-~]{1,100}")
_KINDS = ("from", "recipient", "plus_tag", "folder", "subject", "header")
_GROUPS = ("all", "any")


@dataclass(frozen=True)
class Condition:
    """One question about a mail: `kind` says what is compared; one of `values` must fit.

    `kind` is `from`, `recipient`, `plus_tag`, `folder`, `subject` or `header`. `header` is the name of the header. Its
    `values` may be empty: then its presence is enough.
    """

    kind: str
    values: tuple[str, ...]
    header: str = ""


@dataclass(frozen=True)
class Group:
    """Conditions of which all must hold, or any one."""

    needs_all: bool
    parts: tuple["Condition | Group", ...]


@dataclass(frozen=True)
class RuleOutcome:
    """What a rule does with a mail; None: as the mailbox and its sinks say.

    `name` is that of the rule. `set_aside` is a reason. `requestor` is a name in NAMED_POLICIES. `takes_automatic`: an
    automatic mail becomes a ticket, too.
    """

    name: str
    sink: str | None = None
    catalog_entry: str | None = None
    urgency: int | None = None
    custom_fields: Mapping[str, str] = field(default_factory=dict)
    takes_automatic: bool = False
    set_aside: str | None = None
    requestor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rule(RuleOutcome):
    """A rule: every group must hold."""

    groups: tuple[Group, ...]


def read_rules(
    given: Sequence[Any], folders: Sequence[str], sinks: Sequence[str] | None, report: Report
) -> tuple[Rule, ...]:
    """Read the rules of a mailbox, and report every fault with its path, such as `rules[2].any[0].header`.

    `folders` are those that the mailbox reads, `sinks` the names in SINKS, None if these cannot be read. Rules with a
    fault are left out.
    """
    if len(given) > MOST_RULES:
        report("rules", f"A mailbox has at most {MOST_RULES} rules.")
        return ()
    rules: dict[str, Rule] = {}
    for number, fields in enumerate(given):
        reader = _Reader(f"rules[{number}]", folders, sinks, report)
        rule = reader.read(fields)
        if rule is not None and rule.name in rules:
            report(f"rules[{number}].name", "Two rules have this name. Give each its own.")
        elif rule is not None:
            rules[rule.name] = rule
    return tuple(rules.values())


def _names_authors(group: Group) -> bool:
    """Return whether a group holds only for mails of certain authors."""
    named = [isinstance(part, Condition) and part.kind == "from" for part in group.parts]
    return any(named) if group.needs_all else all(named) and bool(named)


class _Reader:
    """Reads one rule."""

    def __init__(self, where: str, folders: Sequence[str], sinks: Sequence[str] | None, report: Report) -> None:
        self._where = where
        self._folders = folders
        self._sinks = sinks
        self._report = report
        self._faults = 0

    def read(self, given: Any) -> Rule | None:
        if not isinstance(given, dict):
            self._fault("", "A rule is a JSON object.")
            return None
        check_fields(given, RULE_FIELDS, self._fault)
        if "name" not in given or (isinstance(given["name"], str) and not _NAME.fullmatch(given["name"])):
            self._fault("name", "Needed: a name of a-z, 0-9 and dashes, by which records and events call the rule.")
        groups = tuple(self._read_group(name, given[name], 1) for name in _GROUPS if isinstance(given.get(name), list))
        if not any(name in given for name in _GROUPS):
            self._fault("", 'Give its conditions: a list "all", a list "any", or both.')
        self._check_actions(given)
        self._check_requestor(given.get("requestor"), groups)
        if self._faults:
            return None
        return Rule(
            name=given["name"],
            groups=groups,
            sink=given.get("sink"),
            catalog_entry=given.get("catalog_entry"),
            urgency=given.get("urgency"),
            custom_fields=given.get("custom_fields") or {},
            takes_automatic=given.get("takes_automatic", False),
            set_aside=given.get("set_aside"),
            requestor=given.get("requestor"),
        )

    def _check_actions(self, given: Mapping[str, Any]) -> None:
        actions = [name for name in given if name not in ("name", *_GROUPS)]
        known = [one.name for one in RULE_FIELDS if one.name not in ("name", *_GROUPS)]
        if not actions:
            self._fault("", f"Give what follows: one of {', '.join(known)}.")
        if self._sinks is not None and isinstance(given.get("sink"), str) and given["sink"] not in self._sinks:
            self._fault("sink", "There is no such sink in SINKS.")
        if "set_aside" in given and len(actions) > 1:
            others = ", ".join(one for one in actions if one != "set_aside")
            self._fault("set_aside", f"A mail that is set aside goes nowhere: remove {others}.")
        self._check_text("set_aside", given.get("set_aside"), _LONGEST_REASON)
        self._check_text("catalog_entry", given.get("catalog_entry"), _LONGEST_VALUE)
        if given.get("takes_automatic") is True and "sink" not in given:
            self._fault("takes_automatic", "This needs a sink, so that automatic mails go nowhere by accident.")
        fields = given.get("custom_fields")
        self._check_custom_fields(fields if isinstance(fields, dict) else {})

    def _check_requestor(self, name: Any, groups: Sequence[Group]) -> None:
        if name is None or (isinstance(name, str) and name in NAMED_POLICIES):
            if name in (None, "from") or any(map(_names_authors, groups)):
                return
            self._fault("requestor", "Name the authors: a condition `from` that must hold.")
        elif isinstance(name, str):
            self._fault("requestor", f"Choose one of {', '.join(NAMED_POLICIES)}.")

    def _check_text(self, name: str, value: Any, longest: int) -> None:
        if isinstance(value, str) and not 0 < len(value.strip()) <= longest:
            self._fault(name, f"Give a text of 1 to {longest} characters.")

    def _check_custom_fields(self, fields: Mapping[str, Any]) -> None:
        if len(fields) > _MOST_CUSTOM_FIELDS:
            self._fault("custom_fields", f"A rule sets at most {_MOST_CUSTOM_FIELDS} custom fields.")
        for name, text in fields.items():
            where = f"custom_fields.{name[:70]}"
            if not CUSTOM_FIELD.fullmatch(name):
                self._fault(where, "This is no custom column: its name begins with e_.")
            elif not isinstance(text, str) or len(text) > _LONGEST_CUSTOM_FIELD:
                self._fault(where, f"This must be a text in JSON, of at most {_LONGEST_CUSTOM_FIELD} characters.")
            elif unknown := set(re.findall(r"\{(\w+)\}", text)) - set(PLACEHOLDERS):
                self._fault(where, f"There is no placeholder {{{min(unknown)}}}. Known: {', '.join(PLACEHOLDERS)}.")

    def _read_group(self, where: str, given: Sequence[Any], depth: int) -> Group:
        """Read a list of conditions; `where` ends with `all` or `any`."""
        if not 0 < len(given) <= _MOST_CONDITIONS:
            self._fault(where, f"Give 1 to {_MOST_CONDITIONS} conditions.")
            return Group(needs_all=True, parts=())
        parts = [self._read_part(f"{where}[{number}]", one, depth) for number, one in enumerate(given)]
        return Group(where.endswith("all"), tuple(part for part in parts if part is not None))

    def _read_part(self, where: str, given: Any, depth: int) -> Condition | Group | None:
        if not isinstance(given, dict):
            self._fault(where, "A condition is a JSON object.")
            return None
        faults = self._faults
        check_fields(given, CONDITION_FIELDS, lambda name, message: self._fault(f"{where}.{name}", message))
        chosen = [name for name in (*_KINDS, *_GROUPS) if name in given]
        if len(chosen) != 1:
            self._fault(where, f"Give one of {', '.join((*_KINDS, *_GROUPS))}.")
        if "value" in given and "header" not in given:
            self._fault(f"{where}.value", "This is the value of a header: give its name as header.")
        if self._faults > faults:
            return None
        [kind] = chosen
        if kind in _GROUPS:
            if depth >= _DEEPEST:
                self._fault(f"{where}.{kind}", f"Conditions are at most {_DEEPEST} levels deep.")
                return None
            return self._read_group(f"{where}.{kind}", given[kind], depth + 1)
        if kind != "header":
            return Condition(kind, self._read_values(kind, f"{where}.{kind}", given[kind]))
        if not _HEADER.fullmatch(given["header"]):
            self._fault(f"{where}.header", "Give the name of a header without a colon, such as List-Id.")
        values = self._read_values("value", f"{where}.value", given["value"]) if "value" in given else ()
        return Condition(kind, values, given["header"])

    def _read_values(self, kind: str, where: str, given: Any) -> tuple[str, ...]:
        values = given if isinstance(given, list) else [given]
        if not 0 < len(values) <= _MOST_VALUES:
            self._fault(where, f"Give 1 to {_MOST_VALUES} texts.")
        for number, value in enumerate(values[:_MOST_VALUES]):
            fault = self._find_fault(kind, value) if isinstance(value, str) else "This must be a text in JSON."
            if fault:
                self._fault(f"{where}[{number}]" if isinstance(given, list) else where, fault)
        return tuple(values)

    def _find_fault(self, kind: str, value: str) -> str | None:
        if kind == "from" and not (is_mail_address(value) or _DOMAIN.fullmatch(value)):
            return "Give a mail address or a domain, such as news@contoso.com or @contoso.com."
        if kind == "recipient" and not is_mail_address(value):
            return "Give a mail address, such as support+vpn@contoso.com."
        if kind == "plus_tag" and not _TAG.fullmatch(value):
            return "Give what is between + and @ in the address, such as vpn."
        if kind == "folder" and value not in self._folders:
            return "The mailbox does not read this folder. Give one of its folders, as they are written there."
        is_words = any(one.isalnum() for one in value) and len(value) <= _LONGEST_VALUE
        if kind in ("subject", "value") and not is_words:
            return f"Give words: at most {_LONGEST_VALUE} characters with at least one letter or digit."
        return None

    def _fault(self, field_name: str, message: str) -> None:
        self._faults += 1
        self._report(f"{self._where}.{field_name}" if field_name else self._where, message)
