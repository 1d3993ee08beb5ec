"""A bare client of the service desk, for the tests of EasyVista."""

import base64
from typing import Any

import requests

from twin import Simulator
from twin.client import TIMEOUT
from twin.seeds import service_desks


class Caller:
    """A client of the production instance, by default with the token."""

    def __init__(self, sim: Simulator) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.proxies = {"https": sim.proxy_url}
        self.session.verify = sim.ca_file
        self.session.headers["Authorization"] = f"Bearer {service_desks.token()}"

    def ask(self, method: str, path: str, *, account: str = service_desks.PRODUCTION, **more: Any) -> requests.Response:
        url = f"https://{service_desks.HOST}/api/v1/{account}{path}"
        return self.session.request(method, url, timeout=more.pop("timeout", TIMEOUT), **more)

    def create(self, **members: Any) -> requests.Response:
        """Create a ticket with the members that every mail has, and with more or other ones."""
        usual = {"catalog_code": service_desks.PLAIN_CODE, "title": "Printer", "recipient_mail": "lee.gu@contoso.com"}
        return self.ask("POST", "/requests", json={"requests": [usual | members]})

    def made(self, **members: Any) -> str:
        """Create a ticket and return its number."""
        answer = self.create(**members)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["HREF"]).rpartition("/")[2]

    def find(self, search: str, **more: Any) -> Any:
        """Search tickets and return the whole answer."""
        query = {"search": search, "fields": "RFC_NUMBER,EXTERNAL_REFERENCE,END_DATE_UT"} | more
        answer = self.ask("GET", "/requests", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def attach(self, rfc: str, name: str, data: bytes) -> requests.Response:
        body = {"documents": [{"filename": name, "filedata": base64.b64encode(data).decode()}]}
        return self.ask("POST", f"/requests/{rfc}/documents", json=body)

    def comment(self, rfc: str, text: str, **members: Any) -> requests.Response:
        usual = {"action_type_id": service_desks.PUBLIC_COMMENT, "group_mail": service_desks.GROUP, "description": text}
        return self.ask("POST", f"/requests/{rfc}/tasks", json=usual | members)


def rfcs(answer: Any) -> list[str]:
    """Return the numbers in the answer to a search."""
    return [record["RFC_NUMBER"] for record in answer["records"]]
