"""The double of SharePoint's connector: sites with lists, items and attachments.

Its refusals are those that makers report: a text of one line over 255 characters or of several over 63,999, a name of
a file with a character that no file may have, a name that is taken, a filter that OData does not read, an item or a
list that does not exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from devkit.flow_runs.bodies import encode_body
from devkit.flow_runs.doubles.base import Double
from devkit.flow_runs.doubles.odata import ColumnError, FilterError, parse_filter
from devkit.flow_runs.host import Answer
from devkit.flow_runs.texts import count_units
from devkit.flows.calls import Request

FORBIDDEN = frozenset('"*:<>?/\\|')
_ONE_LINE = 255
_SEVERAL_LINES = 63_999
_LONGEST_NAME = 255
_MOST_ITEMS = 5000
_REQUEST = "7f0d3d5c-6a52-4d4e-8f0b-3a1f5f2b7c11"
_SYSTEM_COLUMNS = frozenset({"ID", "Id", "Created", "Modified", "HasAttachments"})


@dataclass
class Item:
    """One item of a list; attachments by name."""

    id: int
    values: dict[str, Any]
    attachments: dict[str, bytes] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Return the item as the connector shows it."""
        return {"ID": self.id, "{HasAttachments}": bool(self.attachments), **self.values}


@dataclass
class SharePointList:
    """One list with its columns of one line, and those of several lines."""

    one_line: frozenset[str]
    lines: frozenset[str]
    items: dict[int, Item] = field(default_factory=dict)
    made: int = 0

    @property
    def columns(self) -> frozenset[str]:
        """All columns that a flow may name."""
        return self.one_line | self.lines

    def add(self, **values: Any) -> Item:
        """Add an item as a person would."""
        self.made += 1
        item = Item(self.made, {column: values.get(column) for column in sorted(self.columns)})
        self.items[item.id] = item
        return item


class SharePoint(Double):
    """One site with its lists by name."""

    name = "shared_sharepointonline"

    def __init__(self, site: str, lists: Mapping[str, SharePointList]) -> None:
        super().__init__()
        self.site = site
        self.lists = dict(lists)
        self.operations = {
            "GetItems": self._list_items,
            "GetItem": self._get_item,
            "PostItem": self._add_item,
            "PatchItem": self._change_item,
            "DeleteItem": self._delete_item,
            "CreateAttachment": self._add_attachment,
            "GetItemAttachments": self._list_attachments,
        }

    def refuse(self, status: int, message: str) -> Answer:
        """Return a refusal: the sentence stands in `message`, without an object `error`."""
        body = {
            "status": status,
            "message": f"{message}\r\nclientRequestId: {_REQUEST}\r\nserviceRequestId: {_REQUEST}",
            "source": self.site,
            "errors": [],
        }
        return Answer(status, body, {"Content-Type": "application/json"})

    def _list_items(self, given: Mapping[str, Any], request: Request) -> Answer:
        found = self._find_list(given)
        if isinstance(found, Answer):
            return found
        items = list(found.items.values())
        query = request.queries
        if wanted := query.get("$filter"):
            try:
                passes = parse_filter(str(wanted), found.columns | _SYSTEM_COLUMNS)
            except FilterError:
                return self._refuse(f'The expression "{wanted}" is not valid. Creating query failed.')
            except ColumnError as error:
                return self._refuse(f"Column '{error}' does not exist. It may have been deleted by another user.")
            items = [item for item in items if passes(item.describe())]
        if order := str(query.get("$orderby") or ""):
            column, _, direction = order.partition(" ")
            items.sort(key=lambda item: str(item.describe().get(column) or ""), reverse=direction == "desc")
            if column in ("ID", "Id"):
                items.sort(key=lambda item: item.id, reverse=direction == "desc")
        top = int(query.get("$top") or _MOST_ITEMS)
        return _show({"value": [item.describe() for item in items[:top]]})

    def _get_item(self, given: Mapping[str, Any], _: Request) -> Answer:
        item = self._find_item(given, "id")
        return item if isinstance(item, Answer) else _show(item.describe())

    def _add_item(self, given: Mapping[str, Any], request: Request) -> Answer:
        found = self._find_list(given)
        if isinstance(found, Answer):
            return found
        values = dict(request.body or {})
        if (refusal := self._check(found, values)) is not None:
            return refusal
        return _show(found.add(**values).describe())

    def _change_item(self, given: Mapping[str, Any], request: Request) -> Answer:
        found = self._find_list(given)
        if isinstance(found, Answer):
            return found
        item = self._find_item(given, "id")
        if isinstance(item, Answer):
            return item
        values = dict(request.body or {})
        if (refusal := self._check(found, values)) is not None:
            return refusal
        item.values |= {column: value for column, value in values.items() if value is not None}
        return _show(item.describe())

    def _delete_item(self, given: Mapping[str, Any], _: Request) -> Answer:
        item = self._find_item(given, "id")
        if isinstance(item, Answer):
            return item
        del self.lists[str(given["table"])].items[item.id]
        return Answer(HTTPStatus.OK)

    def _add_attachment(self, given: Mapping[str, Any], request: Request) -> Answer:
        item = self._find_item(given, "itemId")
        if isinstance(item, Answer):
            return item
        name = str(request.queries.get("displayName") or "")
        if FORBIDDEN & set(name) or not name.strip(" .") or name != name.strip():
            return self._refuse(
                "The file or folder name contains characters that are not permitted. Please use a different name."
            )
        if len(name) > _LONGEST_NAME:
            return self._refuse("The file or folder name is too long. Please use a shorter name.")
        if name.lower() in (known.lower() for known in item.attachments):
            return self._refuse("The specified name is already in use. The document or folder name was not changed.")
        item.attachments[name] = encode_body(request.body)[0]
        return _show({"Id": f"{self.site}/Attachments/{item.id}/{name}", "DisplayName": name})

    def _list_attachments(self, given: Mapping[str, Any], _: Request) -> Answer:
        item = self._find_item(given, "itemId")
        if isinstance(item, Answer):
            return item
        return _show(
            [{"Id": f"{self.site}/Attachments/{item.id}/{name}", "DisplayName": name} for name in item.attachments]
        )

    def _find_list(self, given: Mapping[str, Any]) -> SharePointList | Answer:
        if given.get("dataset") != self.site:
            return self._refuse("Could not find the site.", HTTPStatus.NOT_FOUND)
        found = self.lists.get(str(given.get("table")))
        return self._refuse("List not found", HTTPStatus.NOT_FOUND) if found is None else found

    def _find_item(self, given: Mapping[str, Any], name: str) -> Item | Answer:
        found = self._find_list(given)
        if isinstance(found, Answer):
            return found
        key = str(given.get(name))
        item = found.items.get(int(key)) if key.isdecimal() else None
        return self._refuse("Item not found", HTTPStatus.NOT_FOUND) if item is None else item

    def _check(self, found: SharePointList, values: Mapping[str, Any]) -> Answer | None:
        if unknown := sorted(set(values) - found.columns):
            return self._refuse(f"Column '{unknown[0]}' does not exist. It may have been deleted by another user.")
        if not values.get("Title"):
            return self._refuse("The field 'Title' is required.")
        lengths = {name: count_units(str(value or "")) for name, value in values.items()}
        if any(length > (_ONE_LINE if name in found.one_line else _SEVERAL_LINES) for name, length in lengths.items()):
            return self._refuse(
                "Invalid text value.\n\nA text field contains invalid data. Please check the value and try again."
            )
        if any("\n" in str(values[name] or "") for name in found.one_line & set(values)):
            return self._refuse("Invalid text value.\n\nA text field contains invalid data.")
        return None

    def _refuse(self, message: str, status: int = HTTPStatus.BAD_REQUEST) -> Answer:
        return self.refuse(status, message)


def _show(value: Any) -> Answer:
    return Answer(HTTPStatus.OK, value, {"Content-Type": "application/json; charset=utf-8"})
