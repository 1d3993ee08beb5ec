"""The frame around every route: request, answer, errors and links.

A handler gets a `Request` and returns the JSON of its answer. This module does the rest: correlation id, time budget,
and the status of each kind of error. It logs nothing of a caller's headers.
"""

import json
import logging
import math
import re
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import azure.functions as func

from blueprints._bounds import MOST_ANSWER_BYTES
from blueprints._fields import Fields, ReadZone, read_body
from composition.services import services
from shared import context
from shared.errors import (
    AnswerTooLarge,
    ConfigurationError,
    Conflict,
    Forbidden,
    GatewayError,
    InProgress,
    Invalid,
    LengthRequired,
    NotFound,
    OutcomeUnknown,
    Refused,
    StorageRefused,
    Throttled,
    TimedOut,
    TooLarge,
    Unavailable,
    WrongMethod,
    place_of,
)
from shared.json_text import Json, write_json
from shared.mail_address import is_mail_address
from shared.settings.faults import SettingsError

if TYPE_CHECKING:
    from composition.connection_services import ConnectionServices
    from composition.connections import Services
    from inbound_mail.support_mailbox import SupportMailbox

_log = logging.getLogger("gateway.http")
_MAIL_KEY = r"[0-9a-f]{40}"

type Handler = Callable[["Request"], "Json | Content"]

TIME_BUDGET = 30.0  # seconds; a flow's synchronous call is cut at 100 to 120
_DEFAULT_WAIT = 10.0
_SHOWS_REASON = (Invalid, Conflict)  # what the caller can mend; other reasons speak of the gateway's own requests
# Every route takes these: which connection, and the function key in the form that the host reads.
COMMON_PARAMETERS = ("connection", "code")
# Parameters that say where to go on; they do not shape the answer, so a cursor is not bound to them.
_PLACES = ("cursor", "since", "triggerState")

# Looked up along the class tree, so that a new kind of error has a status from its first day.
STATUS: Mapping[type[GatewayError], int] = {
    StorageRefused: 503,
    ConfigurationError: 500,
    TooLarge: 413,
    LengthRequired: 411,
    Invalid: 400,
    Forbidden: 403,
    NotFound: 404,
    WrongMethod: 405,
    Conflict: 409,
    Refused: 502,
    Throttled: 429,
    Unavailable: 503,
    TimedOut: 504,
    OutcomeUnknown: 502,
    GatewayError: 500,
}


@dataclass(frozen=True)
class Content:
    """An answer other than JSON with status 200. `said` is what the log line says of it besides."""

    body: bytes | Json
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    said: str = ""


@dataclass(frozen=True)
class Request:
    """One HTTP request, as handlers see it. `http` is the platform's object; a cursor holds for one `binding`."""

    http: func.HttpRequest
    query: Fields
    binding: str = field(repr=False)

    @cached_property
    def services(self) -> "Services":
        """The composed use cases, the same to the end of the request. Raises SettingsError for wrong settings."""
        return services()

    @property
    def connection_name(self) -> str:
        """The name of the connection in the query; "default" if there is none. Raises Invalid for an unknown one."""
        name = self.query.text("connection") or "default"
        if name not in self.services.connections:
            raise Invalid(
                "There is no such connection in the settings. Leave connection out, or use a name from the settings.",
                code="UnknownConnection",
                target="connection",
            )
        return name

    @property
    def connection(self) -> "ConnectionServices":
        """The use cases of that connection."""
        return self.services.connections[self.connection_name]

    @property
    def business(self) -> str:
        """The business in the path. Raises Forbidden unless the allow-list has it."""
        return self.allowed_business(str(self.http.route_params.get("business", "")))

    def allowed_business(self, business: str) -> str:
        """Return a business id. Raises Invalid for another form, Forbidden unless the allow-list has it."""
        if not is_mail_address(business):
            raise Invalid(
                "This is no id of a business. Send the mail address of its booking page, such as desk@contoso.com.",
                code="InvalidId",
                target="business",
            )
        if not self.connection.businesses.allows(business):
            raise not_allowed()
        return business

    def zone_of(self, fields: Fields) -> ReadZone:
        """Return what reads the zone of `timeZone`, or that of the page in the path if it is missing."""
        return lambda: fields.zone() or self.connection.names.zone(self.business)

    def start_and_end(self, body: Fields) -> tuple[datetime, datetime | None]:
        """Return `start`, which must be there, and `end` of a body; wall times are in the zone of `zone_of`."""
        read_zone = self.zone_of(body)
        return body.moment("start", read_zone), body.optional_moment("end", read_zone)

    @property
    def mailbox(self) -> "SupportMailbox":
        """The support mailbox in the path."""
        return self.named_mailbox(str(self.http.route_params.get("mailbox", "")))

    def named_mailbox(self, name: str) -> "SupportMailbox":
        """Return a support mailbox of the settings. Raises NotFound, or why there are no settings."""
        mailbox = self.services.mail.mailboxes.get(name)
        if mailbox is None:
            self.services.mail.check_in_force()
            raise NotFound(
                "The settings name no such mailbox. Use a name that GET mailboxes lists.",
                code="UnknownMailbox",
                target="mailbox",
            )
        return mailbox

    @property
    def mail_key(self) -> str:
        """The key of the mail in the path. Raises Invalid."""
        return self.check_mail_key(str(self.http.route_params.get("key", "")))

    def check_mail_key(self, key: str) -> str:
        """Return the key of a mail. Raises Invalid for another form."""
        if not re.fullmatch(_MAIL_KEY, key):
            raise Invalid(
                "A mail's key has 40 hexadecimal characters. Take it from the list of mails.",
                code="InvalidId",
                target="key",
            )
        return key

    def body(self, *allowed: str) -> Fields:
        """Return the fields of the JSON body."""
        return read_body(self.raw_body, allowed)

    def optional_body(self, *allowed: str) -> Fields:
        """Return the fields of the JSON body; none if there is no body."""
        raw = self.raw_body
        return read_body(raw if raw.strip() else b"{}", allowed)

    @property
    def raw_body(self) -> bytes:
        """The body as it came. Raises LengthRequired if it was lost on the way.

        The Functions host hands a body in chunks on as an empty one (azure-functions-python-worker#574), unless
        something before it has gathered the chunks.
        """
        raw: bytes = self.http.get_body()
        headers = self.http.headers
        is_chunked = "chunked" in (headers.get("transfer-encoding") or "").lower()
        if not raw and is_chunked and not headers.get("content-length"):
            raise LengthRequired(
                "The body was sent in chunks without its length, and did not arrive. Send it with Content-Length.",
                target="body",
            )
        return raw

    def cursor(self) -> Any:
        """Return what the `cursor` parameter holds, or None without one."""
        text = self.query.text("cursor")
        return self.services.cursors.open(text, binding=self.binding) if text else None

    def next_link(self, payload: Any) -> str:
        """Return the address of the next page: this request with a cursor, and without the function key."""
        return self.link(cursor=self.services.cursors.seal(payload, binding=self.binding))

    def link(self, **more: str) -> str:
        """Return the address of this request with other parameters to go on from, and without the function key."""
        kept = {name: value for name, value in self.http.params.items() if name not in ("code", *_PLACES)}
        return f"{self._base()}?{urlencode(kept | more, quote_via=quote)}"

    @property
    def base_url(self) -> str:
        """The address below which all routes are: the one of the settings, or else that of this request."""
        with suppress(SettingsError):  # some routes answer without any settings
            if self.services.settings.public_base_url:
                return self.services.settings.public_base_url
        parts = urlsplit(self.http.url)
        above, api, _ = parts.path.partition("/api/")
        return f"{parts.scheme}://{parts.netloc}{above}{api.rstrip('/')}"

    def _base(self) -> str:
        """Return the address of this request, without its query."""
        _, _, below_api = urlsplit(self.http.url).path.partition("/api/")
        return self.address_of(below_api)

    def address_of(self, route: str) -> str:
        """Return the address of a route for whoever calls: on the connector's gateway if the call came through it.

        Nothing rewrites such a link again: the connector has no policy for it.
        """
        from shared.web_address import is_connector_gateway

        prefix = self.http.headers.get("x-ms-apim-referrer-prefix") or ""
        if is_connector_gateway(prefix):
            return f"{prefix.rstrip('/')}/{route}"
        return f"{self.base_url}/{route}"


def answers(
    *parameters: str,
    seconds: float | None = None,
    any_parameter: bool = False,
    about: Callable[[func.HttpRequest], str] | None = None,
) -> Callable[[Handler], Callable[[func.HttpRequest], func.HttpResponse]]:
    """Make a handler the function of a route with these query parameters; it may take `seconds` (usually 30).

    `any_parameter`: others are not refused. `about` names in the log what a call is about; it raises nothing.
    """
    allowed = (*parameters, *COMMON_PARAMETERS)

    def decorate(handler: Handler) -> Callable[[func.HttpRequest], func.HttpResponse]:
        def function(req: func.HttpRequest) -> func.HttpResponse:
            request_id = _correlation_id(req)
            began = time.monotonic()
            subject = about(req) if about else ""
            with context.call(request_id, seconds=seconds or TIME_BUDGET):
                try:
                    known = (*allowed, *req.params) if any_parameter else allowed
                    query = Fields(dict(req.params), known, kind="parameter")
                    request = Request(req, query, _binding(handler.__name__, req))
                    result = handler(request)
                    response = _render(result, request_id)
                    said = result.said if isinstance(result, Content) else ""
                    taken = time.monotonic() - began
                    _log.info(
                        "%s answered %d after %.2f s%s%s",
                        handler.__name__, response.status_code, taken, subject, said,
                    )  # fmt: skip
                except GatewayError as error:
                    level = logging.WARNING if status_of(error) >= STATUS[GatewayError] else logging.INFO
                    taken = time.monotonic() - began
                    _log.log(level, "%s failed after %.2f s: %s%s", handler.__name__, taken, error, subject)
                    return problem(error, request_id=request_id)
                except Exception as error:  # noqa: BLE001 - the outermost frame: every failure gets the error shape
                    _log.error("%s broke: %s", handler.__name__, place_of(error))
                    broken = GatewayError("The gateway failed. Send its administrator the requestId.", code="Internal")
                    return problem(broken, request_id=request_id)
                return response

        function.__name__ = handler.__name__
        function.__qualname__ = handler.__qualname__
        function.__module__ = handler.__module__
        function.__doc__ = handler.__doc__
        function.__dict__["parameters"] = allowed
        return function

    return decorate


def not_allowed() -> Forbidden:
    """Return the error for a business that is not in the allow-list."""
    return Forbidden(
        "The gateway may not use this business. An administrator can add it to BOOKINGS_BUSINESSES.",
        code="BusinessNotAllowed",
        target="business",
    )


def answer(body: Json, *, request_id: str, status: int = 200) -> func.HttpResponse:
    """Return JSON. Raises AnswerTooLarge for what the host had better not carry."""
    text = write_json(body)
    if len(text) > MOST_ANSWER_BYTES:
        raise AnswerTooLarge(
            f"This answer has more than {MOST_ANSWER_BYTES // 1024 // 1024} MiB. Ask for less. `eml` behind the path "
            "of a mail gets it as a file."
        )
    headers = {"x-request-id": request_id, "Cache-Control": "no-store"}
    return func.HttpResponse(text, status_code=status, headers=headers, mimetype="application/json")


def _render(result: Json | Content, request_id: str) -> func.HttpResponse:
    if not isinstance(result, Content):
        return answer(result, request_id=request_id)
    if isinstance(result.body, bytes):
        headers = {"x-request-id": request_id, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return func.HttpResponse(
            result.body,
            status_code=result.status,
            headers=headers | dict(result.headers),
            mimetype=result.content_type,
        )
    response = answer(result.body, request_id=request_id, status=result.status)
    for name, value in result.headers.items():
        response.headers[name] = value
    return response


def problem(error: GatewayError, *, request_id: str) -> func.HttpResponse:
    """Return {"error": {"code", "message", "target"?, …, "requestId"}}, with Retry-After or Allow where they help."""
    said = f' Microsoft Graph says: "{error.reason}".' if error.reason and isinstance(error, _SHOWS_REASON) else ""
    body: Json = {"code": error.code, "message": error.message + said}
    if error.target:
        body["target"] = error.target
    body |= error.members
    response = answer({"error": body | {"requestId": request_id}}, request_id=request_id, status=status_of(error))
    if isinstance(error, Unavailable | InProgress | StorageRefused):
        wait = error.retry_after if error.retry_after is not None else _DEFAULT_WAIT
        response.headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if isinstance(error, WrongMethod):
        response.headers["Allow"] = ", ".join(error.methods)
    return response


def status_of(error: GatewayError) -> int:
    """Return the HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _correlation_id(req: func.HttpRequest) -> str:
    """Return the id that the flow's engine sent, or a new one: one id leads from the flow to Graph."""
    try:
        return str(uuid.UUID(req.headers.get("x-ms-client-request-id") or ""))
    except ValueError:
        return str(uuid.uuid4())


def _binding(name: str, req: func.HttpRequest) -> str:
    """Return what a cursor is bound to: function, path values and every parameter that shapes the answer."""
    shaping = {key: value for key, value in req.params.items() if key not in ("code", "limit", *_PLACES)}
    return json.dumps([name, dict(req.route_params), shaping], sort_keys=True)
