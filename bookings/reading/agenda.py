"""The appointments of one day, grouped by staff member and ready to print."""

from datetime import date, datetime, time, timedelta

from bookings.reading.appointments import AppointmentQuery, Appointments
from shared.json_text import Json
from shared.time_zones.zones import Zone

_MOST = 10_000  # a calendar is made for 2,500 bookings a day
_NOBODY = "Not assigned"


def read_agenda(appointments: Appointments, business: str, day: date, zone: Zone) -> Json:
    """Return {"date", "timeZone", "value": [{"staffId", "displayName", "appointments"}], "text"} of a local day."""
    start = datetime.combine(day, time.min, tzinfo=zone.rules)
    end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone.rules)
    page = appointments.find(AppointmentQuery(business, start, end, zone, _MOST))
    groups: dict[str, Json] = {}
    for item in page.items:
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
