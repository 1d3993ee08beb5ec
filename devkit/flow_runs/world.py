"""The doubles that the sample flows use, as one world, and what was done in it as a count of things."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from devkit.flow_runs.doubles.base import Double
from devkit.flow_runs.doubles.dataverse import Dataverse
from devkit.flow_runs.doubles.forms import Forms
from devkit.flow_runs.doubles.outlook import Outlook
from devkit.flow_runs.doubles.sharepoint import Item, SharePoint, SharePointList
from devkit.flow_runs.doubles.teams import Teams
from devkit.flows.connectors import load_connectors

SETTINGS: Mapping[str, Any] = {  # what a maker would choose, by the short name of the setting
    "TimeZone": "GMT Standard Time",
    "SharePointSite": "https://contoso.sharepoint.com/sites/helpdesk",
    "TicketList": "Tickets",
    "CommentList": "Ticket comments",
    "StateList": "Flow state",
    "ChannelLink": "https://teams.microsoft.com/l/channel/19%3Achannel%40thread.tacv2/Desk?groupId=7e-01&tenantId=7e-02",
    "SupportAddress": "support@contoso.com",
    "Recipients": "charge@contoso.com",
    "Form": "form-1",
    "DateQuestion": "r1",
}
_SEVERAL_LINES = frozenset({"Description", "Notes", "Cursor"})
_CHANGING = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+Z?|\d\d\d\d-\d\d-\d\d \d\d:\d\d(?::\d\d)?|run-[0-9a-f]+|(?<=[Tt]icket )\d+"
)
_MARKUP = re.compile(r"<[^>]*>")


class Thing(NamedTuple):
    """Something that was done: what it is in a word, and which one."""

    what: str
    which: str


class FlowWorld:
    """One site, one mailbox, one channel and one form."""

    def __init__(self, *, responses: Mapping[int, Mapping[str, Any]] | None = None) -> None:
        columns = _read_columns()
        one_line, lines = columns - _SEVERAL_LINES, columns & _SEVERAL_LINES
        self.tickets, self.comments, self.state = (SharePointList(one_line, lines) for _ in range(3))
        lists = {
            SETTINGS["TicketList"]: self.tickets,
            SETTINGS["CommentList"]: self.comments,
            SETTINGS["StateList"]: self.state,
        }
        self.sharepoint = SharePoint(SETTINGS["SharePointSite"], lists)
        self.outlook, self.teams = Outlook(), Teams()
        self.forms = Forms(SETTINGS["Form"], responses or {})
        self.dataverse = Dataverse({})

    @property
    def doubles(self) -> list[Double]:
        """All doubles."""
        return [self.sharepoint, self.outlook, self.teams, self.forms, self.dataverse]

    def count(self) -> Counter[Thing]:
        """Return what was done so far. What differs from run to run, such as moments, is left out."""
        found: Counter[Thing] = Counter()
        for item in self.tickets.items.values():
            found.update(_count_ticket(item))
        for item in self.comments.items.values():
            found.update(_count_ticket(item, f"comment on {item.values['TicketId']}"))
        for item in self.state.items.values():
            found[Thing("position", f"{item.values['Title']} {bool(item.values['Cursor'])}")] += 1
        for mail in self.outlook.mails:
            found[Thing("mail", f"{'; '.join(mail.to)}: {_settle(mail.subject)}")] += 1
        for message in self.teams.messages:
            found[Thing("message", _settle(message.body.partition("</p>")[0]))] += 1
        return found


@cache
def _read_columns() -> frozenset[str]:
    return frozenset(load_connectors()[SharePoint.name].document["definitions"]["NewItem"]["properties"])


def _count_ticket(item: Item, what: str = "ticket") -> Counter[Thing]:
    which = str(item.values["EventId"] or item.values["Title"])
    found = Counter([Thing(what, which), Thing("text", f"{which} {_settle(str(item.values['Description']))}")])
    found.update(Thing("file", f"{which} {name} {content.hex()}") for name, content in item.attachments.items())
    notes = str(item.values["Notes"] or "").splitlines()
    found.update(Thing("note", f"{which} {_settle(line)}") for line in notes if line)
    return found


def _settle(text: str) -> str:
    return _CHANGING.sub("…", _MARKUP.sub("", text))
