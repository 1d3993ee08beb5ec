"""Error answers of EasyVista.

Texts in quotation marks of the wiki are kept: "Invalid Login / Password" (REST API - See a list), "Nothing to update"
(REST API - Reopen), "Unauthorized Method for your profile" (python client, measured). 590 is EasyVista's own status for
"internal Easyvista error", in practice a rejected request; its code 2013 comes with the text of an SQL parser.
"""

import json
from typing import Literal

from twin.core.wire import Call, Json, Refusal, Reply

REJECTED = 590
INCOMPLETE = 2013
type Shape = Literal["plain", "code", "nested"]

PROXY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
"""What a gateway in front of an instance sends: `faults.add(Answer(502, body=PROXY_PAGE), api="easyvista")`."""

_SQL_TEXT = "SQL Parser: =(1,35) expected token:( * + - . IDENTIFIER CASE NOT JOIN"
_OUTAGES = {
    401: "Invalid Login / Password",
    403: "Unauthorized Method for your profile",
    404: "Resource not found",
    406: "Recipient not found",
    429: "Too many requests",
    503: "Service unavailable",
    REJECTED: _SQL_TEXT,
}


class EasyvistaRefusal(Refusal):
    """An error answer; the switches of the API decide about its form."""

    def __init__(self, status: int, text: str, code: int | None = None) -> None:
        super().__init__(Reply(status, describe_error(text, code)))
        self.status = status
        self.text = text
        self.code = code

    def render(self, call: Call) -> Reply:
        """Return the answer in the form that the switch names."""
        return Reply(self.status, describe_error(self.text, self.code, _find_shape(call)))


def describe_error(text: str, code: int | None = None, shape: Shape = "plain") -> Json:
    """Describe an error: {"error_code"?, "error"}, {"code"?, "message"}, or {"message": "<the first as text>"}."""
    if shape == "code":
        return {"message": text} if code is None else {"code": code, "message": text}
    plain: Json = {"error": text} if code is None else {"error_code": code, "error": text}
    return {"message": json.dumps(plain)} if shape == "nested" else plain


def describe_outage(call: Call, status: int) -> Json:
    """Describe the document that goes with an injected status."""
    code = INCOMPLETE if status == REJECTED else None
    return describe_error(_OUTAGES.get(status, "Internal server error"), code, _find_shape(call))


def refuse_login() -> EasyvistaRefusal:
    """401: unknown account, token, login or password."""
    return EasyvistaRefusal(401, _OUTAGES[401])


def refuse_right() -> EasyvistaRefusal:
    """403: the profile does not allow it, or the path is unknown; the answer is the same (python client, measured)."""
    return EasyvistaRefusal(403, _OUTAGES[403])


def refuse_missing() -> EasyvistaRefusal:
    """404: no such ticket, action or document."""
    return EasyvistaRefusal(404, _OUTAGES[404])


def refuse_person(member: str) -> EasyvistaRefusal:
    """406: a person who is unknown or outside of the account's domains (EasyVista wiki, REST API - Create)."""
    return EasyvistaRefusal(406, f"{member}: not found, or not in a domain of this account")


def refuse_incomplete() -> EasyvistaRefusal:
    """590 with code 2013: a mandatory field is missing, and the text does not name it (python client, measured)."""
    return EasyvistaRefusal(REJECTED, _SQL_TEXT, INCOMPLETE)


def refuse(text: str) -> EasyvistaRefusal:
    """590: rejected for a reason that the text gives."""
    return EasyvistaRefusal(REJECTED, text)


def refuse_nothing() -> EasyvistaRefusal:
    """400: an update without a field that can be updated (EasyVista wiki, REST API - Reopen)."""
    return EasyvistaRefusal(400, "Nothing to update (check the field names)")


def _find_shape(call: Call) -> Shape:
    shape: Shape = call.caller.switches.error_shape if call.caller is not None else "plain"
    return shape
