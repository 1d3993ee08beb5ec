"""What to paste while `up` runs: printed when all is ready, and again by `up --lines` in any terminal."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from urllib.parse import quote

from devkit.bootstrap import ROOT
from devkit.running import UP_FILE, Running


def write_lines(running: Running, today: date) -> Iterator[str]:
    """Yield the lines: first the pages, then what to send and ask; dates begin with this day."""
    header = f'-H "x-functions-key: {running.host_key}"'
    yield from _name_places(running)
    if running.control_url:
        yield "Three steps: open the console with the key, send three mails, see them become tickets there:\n"
        yield "  python3 -m devkit send --demo\n"
    else:
        yield "Is anything wrong? This says what, and what mends it:\n"
        yield "  python3 -m devkit doctor\n"
    yield "Ask it something, in another terminal:\n"
    yield from (f"  {line}" for line in _ask(running, header, today))
    if running.control_url:
        yield from _announce(running, header)


def _name_places(running: Running) -> Iterator[str]:
    yield f"  console    {running.base_url}/api/console"
    yield f"  API page   {running.base_url}/api/docs"
    yield f"  key        {running.host_key}  (both pages ask for it; programs send it as x-functions-key)"
    if not running.asks_for_keys:
        yield "             Core Tools ask for no key: every call works without one, too, and with a wrong one."
    if running.control_url:
        yield f"  simulator  {running.control_url}  (GET it for a list of what it can do)"
    yield f"  details    {UP_FILE.relative_to(ROOT)}  (addresses and keys, for scripts and editors)\n"


def _ask(running: Running, header: str, today: date) -> Iterator[str]:
    week = f"start={today}&end={today + timedelta(days=7)}&timeZone=Europe/London"
    root = f"{running.base_url}/api/bookings/businesses"
    page = f"{root}/{quote(running.business, safe='@')}"
    yield f"curl {running.base_url}/api/health"
    for question in (
        root,
        f"{page}/services",
        f"{page}/staff",
        f"{page}/appointments?{week}",
        f"{page}/agenda?date={today}&timeZone=Europe/London",
    ):
        yield f'curl {header} "{question}"'
    body = json.dumps({"start": str(today), "end": str(today + timedelta(days=1))})
    yield f"curl {header} -d '{body}' \"{page}/availability\""
    if running.service:
        yield f'curl {header} "{page}/slots?service={running.service}&{week}"'
    yield f'curl {header} "{running.base_url}/api/mailboxes"'
    yield f'curl {header} "{running.base_url}/api/status"'


def _announce(running: Running, header: str) -> Iterator[str]:
    """Yield how mails come in and events go out without polls."""
    names, target = running.mailboxes[:1], {"kind": "https", "url": running.events_url}
    yield "\nGraph announces mails, so each is a ticket within three seconds. Let a receiver hear of each ticket, send"
    yield "some more mails, and read the tickets and what the receiver got:\n"
    for name in names:
        body = json.dumps({"events": ["ticket.created"], "mailbox": name, "target": target})
        yield f"  curl {header} -d '{body}' {running.base_url}/api/subscriptions"
    yield "  python3 -m devkit send --demo"
    for name in names:
        yield f'  curl {header} "{running.base_url}/api/mailboxes/{name}/mails"'
    yield f"  curl {running.control_url}/easyvista/tickets"
    yield f"  curl {running.control_url}/webhook/deliveries"
    yield f"  curl {header} {running.base_url}/api/subscriptions"
    yield f"  curl {running.control_url}/subscriptions/deliveries"
