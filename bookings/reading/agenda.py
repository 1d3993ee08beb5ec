"""The appointments of one day, grouped by staff member and ready to print."""

from collections.abc import Iterable
from datetime import date

from shared.json_text import Json
from shared.time_zones.zones import Zone

_NOBODY = "Not assigned"


def describe_agenda(appointments: Iterable[Json], day: date, zone: Zone) -> Json:
    """Return {"date", "timeZone", "value": [{"staffId", "displayName", "appointments"}], "text"} of a local day."""
    groups: dict[str, Json] = {}
    for item in appointments:
        for member in item["staffMembers"] or [{"id": None, "displayName": _NOBODY}]:
            name = member["displayName"] or member["id"]
            group = groups.setdefault(
                member["id"] or "", {"staffId": member["id"], "displayName": name, "appointments": []}
            )
            group["appointments"].append(item)
    value = sorted(groups.values(), key=lambda group: (str(group["displayName"]).casefold(), str(group["staffId"])))
    return {
        "date": day.isoformat(),
        "timeZone": zone.windows or zone.iana,
        "timeZoneIana": zone.iana,
        "value": value,
        "text": "\n\n".join(_print(group) for group in value),
    }


def _print(group: Json) -> str:
    lines = [str(group["displayName"])]
    for item in group["appointments"]:
        customer = item.get("customerName") or f"{item.get('filledAttendeesCount') or 0} attendees"
        lines.append(f"{item['startLocal'][11:16]}-{item['endLocal'][11:16]}  {item['serviceName']}  {customer}")
    return "\n".join(lines)
