"""What became of a mail, for machines as JSON and for people as lines of at most 100 columns."""

import textwrap
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from devkit.explaining.run import Explained
from devkit.explaining.sinks import Sent
from inbound_mail.content.belonging import Belonging, Proof, list_answered_ids
from inbound_mail.content.files import FileChoice, describe_size, explain_excess
from inbound_mail.content.rendering import clean_text
from inbound_mail.content.requestor import Basis
from inbound_mail.content.rules import SET_ASIDE
from inbound_mail.content.thanks import THANKS_ONLY
from inbound_mail.reports.mails import AUTOMATIC
from shared.json_text import Json
from shared.settings.config import Settings

WIDTH = 100
_LABEL = 12
_BAR = "  | "
_MIB = 1024 * 1024
_STATES = {
    "quarantined": "to quarantine, where a person decides",
    "waiting": "it would wait and be tried again",
    "skipped": "it would be skipped",
}
_PROOFS: Mapping[str | None, str] = {
    Proof.ANSWER: "it answers a mail of the ticket, and its author takes part",
    Proof.SIBLING: "it answers the same mail as the ticket, went to the ticket's author, and its author takes part",
    Proof.NUMBER: "it has the ticket's number in its subject, and its author takes part",
    Proof.REPORT: "it reports that a mail of the ticket could not be delivered",
}
# The fields of a ticket that the report shows by themselves, or that people do not want to see.
_SHOWN_ELSEWHERE = ("description", "title", "requestor_mail", "recipient_mail", "external_reference")


def describe(explained: Explained, settings: Settings, mailbox: str, tickets: MutableMapping[str, str]) -> Json:
    """Return everything about one mail. `tickets`: the files that became tickets so far; this one is added."""
    record = explained.record
    prepared = next((one.prepared for one in explained.sent.values() if one.prepared), None)
    deliveries = [
        _describe_delivery(one, explained.sent.get(one["sink"]), settings, tickets) for one in record["deliveries"]
    ]
    for one in deliveries:
        if one.get("what") == "ticket" or (one.get("ticket") and not one.get("isReply")):
            tickets.setdefault(one["ticket"], explained.file)
    return {
        "file": explained.file,
        "mailbox": mailbox,
        "subject": record["subject"],
        "from": record["from"],
        "messageId": record["messageId"],
        "answers": list_answered_ids(prepared.mail) if prepared else [],
        "state": record["state"],
        **({"reason": record["reason"]} if "reason" in record else {}),
        "screening": prepared.screening.describe() if prepared else record["screening"],
        "rule": record.get("rule"),
        "rules": len(settings.mailboxes[mailbox].rules),
        "deliveries": deliveries,
    }


def _describe_delivery(record: Json, sent: Sent | None, settings: Settings, tickets: Mapping[str, str]) -> Json:
    described: Json = {"sink": record["sink"], "state": record["state"]}
    described |= {name: record[name] for name in ("cause", "message", "lastError") if record.get(name)}
    if sent is None or sent.prepared is None:
        return described
    described |= {"thread": _describe_thread(one)} if (one := next(iter(sent.prepared.decisions), None)) else {}
    if not sent.kind:
        return described
    content, prepared = sent.content, sent.prepared
    described |= {
        "what": _name_what(sent),
        "ticket": sent.ticket,
        "isReply": bool(sent.receipt and sent.receipt.is_reply),
    }
    described |= {"ticketOf": tickets[sent.ticket]} if sent.ticket and sent.ticket in tickets else {}
    if sent.kind == "event":
        data = content["data"]
        described |= {"event": content["type"]}
        described |= {"text": data.get("newText") or data.get("bodyText") or prepared.rendering.text}
    else:
        fields = {name: value for name, value in content.items() if name not in _SHOWN_ELSEWHERE}
        described |= {"title": content["title"]} if "title" in content else {}
        described |= {"fields": fields, "text": content["description"]}
    described |= {"requestor": prepared.who_asks.describe()} if sent.kind != "comment" else {}
    most = settings.sinks[record["sink"]].options.get("attachment_mb", 20) if sent.kind != "event" else None
    described |= {"files": [_describe_file(one, most) for one in sent.choices]}
    return described | {"notes": list(sent.receipt.notes) if sent.receipt else []}


def _describe_thread(found: Belonging) -> Json:
    return {
        "ticket": found.ticket,
        "proof": found.proof,
        "related": list(found.related),
        "notes": list(found.notes),
    }


def _name_what(sent: Sent) -> str:
    return "note" if sent.prepared and sent.prepared.is_note and sent.kind == "comment" else sent.kind


def _describe_file(choice: FileChoice, most_mib: int | None) -> Json:
    one = choice.attachment
    outcome = choice.reason or "handed over"
    if choice.is_decoration:
        outcome = f"left out as decoration, {choice.reason}"
    elif choice.reason is None and most_mib is not None and one.size > most_mib * _MIB:
        outcome = f"named in the text: {explain_excess(one, most_mib)}"
    elif choice.reason is not None:
        outcome = f"named in the text: {choice.reason}"
    return {"name": one.name or f"attachment-{one.number}", "size": one.size, "outcome": outcome}


def render(described: Json) -> Iterator[str]:
    """Yield the lines for people."""
    yield _clean(described["file"])
    yield from _row("Mail", f"{described['subject'] or '(no subject)'}, from {described['from'] or 'nobody'}")
    yield from _row("Verdict", _judge(described["screening"]))
    for one in (described["screening"] or {}).get("evidence", ()):
        yield from _row("", f"- {one}")
    yield from _row("Rule", _name_rule(described))
    if described["answers"]:
        yield from _row("Answers", ", ".join(described["answers"]))
    if not described["deliveries"]:
        yield from _row("Outcome", f"{described['state']}: {described.get('reason', 'nothing is delivered')}")
    for one in described["deliveries"]:
        yield from _render_delivery(one)


def _render_delivery(one: Json) -> Iterator[str]:
    yield from _row("Outcome", f"{one['sink']}: {_name_outcome(one)}")
    if one.get("message"):
        yield from _row("", one["message"])
    thread = one.get("thread")
    if thread is not None:
        yield from _row("Thread", _PROOFS.get(thread["proof"], "none that it is proven to belong to"))
    for note in dict.fromkeys([*(thread or {}).get("notes", ()), *one.get("notes", ())]):
        yield from _row("", f"- {note}")
    if "what" in one:
        yield from _render_sent(one)


def _render_sent(one: Json) -> Iterator[str]:
    if asks := one.get("requestor"):
        basis = "" if asks["basis"] == Basis.AUTHOR else f" ({asks['basis']})"
        yield from _row("Requestor", f"{asks['address'] or 'nobody'}{basis}")
    if one.get("title"):
        yield from _row("Title", one["title"])
    if one.get("fields"):
        yield from _row("Fields", ", ".join(f"{name} {value}" for name, value in one["fields"].items()))
    for number, file in enumerate(one["files"]):
        size = describe_size(file["size"])
        yield from _row("" if number else "Files", f"{file['name']} ({size}): {file['outcome']}")
    yield from _row("Text", "")
    for line in clean_text(one["text"]).split("\n"):
        for part in textwrap.wrap(line, WIDTH - len(_BAR), replace_whitespace=False, break_on_hyphens=False) or [""]:
            yield f"{_BAR}{part}".rstrip()


def _judge(screening: Mapping[str, Any] | None) -> str:
    if screening is None:
        return "it cannot be read"
    if not screening["makesTicket"]:
        what = "a report that a mail could not be delivered" if screening["isBounce"] else "automatic"
        return f"{what}: a note on its ticket, or set aside; nobody is answered"
    return "a mail of a person" if screening["mayReply"] else "automatic, but worth a ticket; nobody is answered"


def _name_rule(described: Json) -> str:
    rule = described["rule"]
    if rule is None:
        return f"none of {described['rules']} matches" if described["rules"] else "the mailbox has none"
    sets = ", ".join(f"{name} {value}" for name, value in rule.items() if name != "name")
    return f"{rule['name']} ({sets})"


def _name_outcome(one: Json) -> str:
    if one.get("cause") in (AUTOMATIC, SET_ASIDE, THANKS_ONLY):
        return f"set aside ({one['cause']})"
    if "what" not in one:
        return f"{_STATES.get(one['state'], one['state'])} ({one.get('cause') or one.get('lastError')})"
    source = f" (of {one['ticketOf']})" if "ticketOf" in one else ""
    match one["what"]:
        case "ticket":
            return f"a new ticket, {one['ticket']}"
        case "event":
            return f"an event {one['event']}" + (f" of ticket {one['ticket']}{source}" if one["ticket"] else "")
        case what:
            return f"a {what} on ticket {one['ticket']}{source}"


def _row(label: str, value: str) -> Iterator[str]:
    indent = " " * (2 + _LABEL)
    lines = textwrap.wrap(_clean(value), WIDTH - len(indent)) or [""]
    yield f"  {label:<{_LABEL}}{lines[0]}".rstrip()
    for line in lines[1:]:
        yield indent + line


def _clean(text: str) -> str:
    return " ".join(clean_text(text).split())
