"""The answer of the route `status` as an HTML page: tables, without scripts and without external content."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

_STYLE = (
    "body{font:14px system-ui,sans-serif;margin:2em}"
    "table{border-collapse:collapse;display:block;margin:0 0 2em;overflow-x:auto}"
    "th,td{border:1px solid #ccc;padding:.3em .6em;text-align:left;vertical-align:top}th{background:#f3f3f3}"
    ".bad{background:#fde7e7}"
)
# A page without scripts, forms and frames, with this one style.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def render_status(status: Mapping[str, Any]) -> str:
    """Return the HTML page for an answer of the route `status`."""
    mailboxes = [_leave_out(one, "lastError") for one in status["mailboxes"]]
    errors = [{"mailbox": one["name"], **one["lastError"]} for one in status["mailboxes"] if "lastError" in one]
    settings = status.get("mailSettings")
    faults = settings["faults"] if settings else ()
    parts = [
        _table("Alarms", status["alarms"], empty="No alarm is raised.", bad=True),
        *([_table("Settings in blobs", [_leave_out(settings, "faults")], empty="")] if settings else []),
        *([_table("Faults of the settings", faults, empty="", bad=True)] if faults else []),
        _table("Mailboxes", mailboxes, empty="The settings name no mailbox."),
        *(
            [_table("Graph subscriptions", status["graphSubscriptions"], empty="None is wished yet.")]
            if "graphSubscriptions" in status
            else []
        ),
        *(
            [_table("Event subscriptions", status["eventSubscriptions"], empty="")]
            if "eventSubscriptions" in status
            else []
        ),
        _table("Last errors of mailboxes", errors, empty="No mailbox has had an error."),
        _table("Sinks", status["sinks"], empty="The settings name no sink."),
        _table("Credentials", status["credentials"], empty="No expiry date is known."),
        _table("Queues", [{**status["waitingMessages"], "poison": status["poisonMessages"]}], empty=""),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Graph gateway: status</title>'
        f"<style>{_STYLE}</style></head><body><h1>Graph gateway</h1>{''.join(parts)}</body></html>"
    )


def _leave_out(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _table(title: str, rows: Iterable[Mapping[str, Any]], *, empty: str, bad: bool = False) -> str:
    found = list(rows)
    if not found:
        return f"<h2>{escape(title)}</h2><p>{escape(empty)}</p>"
    columns = list(dict.fromkeys(name for row in found for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{_cell(row.get(name))}</td>" for name in columns) + "</tr>" for row in found)
    marked = ' class="bad"' if bad else ""
    return f"<h2>{escape(title)}</h2><table{marked}><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "<br>".join(f"{escape(str(name))}: {_cell(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(one) for one in value)
    return escape(str(value))
