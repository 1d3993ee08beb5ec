"""The appointments of one day, grouped by staff member and ready to print."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from bookings.describe import SOMEBODY_GONE, appointment_times
from shared.json_text import Json
from shared.time_zones.zones import Zone
from shared.wording import count_of

_NOBODY = "Not assigned"
_ONE_DAY = timedelta(days=1)


def describe_agenda(appointments: Iterable[Json], day: date, zone: Zone) -> Json:
    """Return {"date", "timeZone", "value": [{"staffId", "displayName", "appointments"}], "text"} of a local day.

    The text begins with the day and its zone; it is empty for a day without appointments.
    """
    groups: dict[str, Json] = {}
    for item in appointments:
        for member in item["staffMembers"] or [{"id": None, "displayName": _NOBODY}]:
            name = member["displayName"] or SOMEBODY_GONE
            group = groups.setdefault(
                member["id"] or "", {"staffId": member["id"], "displayName": name, "appointments": []}
            )
            group["appointments"].append(item)
    value = sorted(groups.values(), key=lambda group: (str(group["displayName"]).casefold(), str(group["staffId"])))
    parts = [f"{day.isoformat()}, times in {zone.iana}", *(_print(group, day, zone) for group in value)]
    return {
        "date": day.isoformat(),
        "timeZone": zone.windows or zone.iana,
        "timeZoneIana": zone.iana,
        "value": value,
        "text": "\n\n".join(parts) if value else "",
    }


def _print(group: Json, day: date, zone: Zone) -> str:
    lines = [str(group["displayName"])]
    for item in group["appointments"]:
        start, end = appointment_times(item)
        times = f"{_print_start(start, day, zone)}-{_print_end(end, day, zone)}"
        lines.append(f"{times}  {item['serviceName']}  {_print_customers(item)}")
    return "\n".join(lines)


def _print_customers(item: Json) -> str:
    taken, seats = item.get("filledAttendeesCount") or 0, item.get("maximumAttendeesCount") or 1
    if seats > 1:
        names = ", ".join(str(each.get("name") or each.get("emailAddress")) for each in item.get("customers") or [])
        return f"{taken} of {seats} seats taken" + (f": {names}" if names else "")
    return str(item.get("customerName") or count_of(taken, "attendee"))


def _print_start(moment: datetime, day: date, zone: Zone) -> str:
    """Print a time of day; with the date if it is on another day, with the offset if the clock shows it twice."""
    local = moment.astimezone(zone.rules)
    shown = f"{local:%H:%M}" if local.date() == day else f"{local:%Y-%m-%d %H:%M}"
    return f"{shown} (UTC{local.isoformat()[-6:]})" if _is_repeated(local) else shown


def _print_end(moment: datetime, day: date, zone: Zone) -> str:
    """Print an end like a start; the midnight that ends the day is 24:00."""
    local = moment.astimezone(zone.rules).replace(tzinfo=None)
    is_midnight = local == datetime.combine(day, datetime.min.time()) + _ONE_DAY
    return "24:00" if is_midnight else _print_start(moment, day, zone)


def _is_repeated(local: datetime) -> bool:
    """Return whether clocks that are put back show this wall time a second time."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
