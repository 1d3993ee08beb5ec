"""A process to measure (`bench.harness`): finds free slots with the app, and reads the same data directly."""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import requests

from blueprints.slots import find_free_slots
from composition.services import services

_ROOT = "https://graph.microsoft.com/v1.0/solutions/bookingBusinesses"


class Driver:
    """Asks for the slots of the only service of a business, beginning today."""

    def __init__(self, page: str, days: int) -> None:
        self._page = page
        self._start = datetime.combine(datetime.now(UTC), datetime.min.time(), UTC)
        self._end = self._start + timedelta(days=days)
        self._session = requests.Session()
        token = services().authenticator.tokens("default").token()
        self._session.headers["Authorization"] = f"Bearer {token}"
        [self._service] = self._get(f"{_ROOT}/{page}/services")["value"]

    def gateway(self) -> func.HttpResponse:
        """Ask the gateway's function."""
        parameters = {"service": self._service["id"], "start": _text(self._start), "end": _text(self._end)}
        answer: func.HttpResponse = find_free_slots(
            func.HttpRequest(
                method="GET",
                url=f"http://127.0.0.1/api/bookings/businesses/{self._page}/slots",
                headers={},
                params=parameters,
                route_params={"business": self._page},
                body=b"",
            )
        )
        return answer

    def direct(self) -> int:
        """Read the same data from Graph as the gateway does; return the number of appointments."""
        page = f"{_ROOT}/{self._page}"
        self._get(page)
        self._get(f"{page}/services/{self._service['id']}")
        staff = [member["id"] for member in self._get(f"{page}/staffMembers")["value"]]
        span = {"startDateTime": _zoned(self._start), "endDateTime": _zoned(self._end)}
        body = {"staffIds": staff} | span
        self._session.post(f"{page}/getStaffAvailability", json=body, timeout=30).json()
        link, found = f"{page}/calendarView?start={_text(self._start)}&end={_text(self._end)}", 0
        while link:
            answer = self._get(link)
            found += len(answer["value"])
            link = answer.get("@odata.nextLink")
        return found

    def _get(self, url: str) -> Any:
        answer = self._session.get(url, timeout=30)
        answer.raise_for_status()
        return answer.json()


def _describe(answer: func.HttpResponse) -> dict[str, int]:
    if answer.status_code != requests.codes.ok:
        raise RuntimeError(answer.get_body().decode())
    slots = json.loads(answer.get_body())["value"]
    staff = {member["id"] for slot in slots for member in slot["staffMembers"]}
    return {"slots": len(slots), "bytes": len(answer.get_body()), "staff": len(staff)}


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _zoned(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}


def main(page: str, days: int) -> None:
    """Obey until stdin ends. An answer has "wall" and "cpu" in seconds and the "result"."""
    driver = Driver(page, days)
    for line in sys.stdin:
        way = line.strip()
        began, used = time.perf_counter(), time.process_time()
        answer = driver.gateway() if way == "gateway" else driver.direct()
        spent = {"wall": time.perf_counter() - began, "cpu": time.process_time() - used}
        result = answer if isinstance(answer, int) else _describe(answer)
        print(json.dumps(spent | {"result": result}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
