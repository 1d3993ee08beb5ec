"""Events to an https address: a signed CloudEvent by POST.

Sources: Standard Webhooks 1.0.0 (headers, signature, 410 ends it, growing pauses between attempts); "HTTP 1.1 Web Hooks
for Event Delivery" 1.0.1 of CloudEvents (abuse protection: OPTIONS with `WebHook-Request-Origin`, before the first
event); CloudEvents HTTP binding 1.0.2, structured mode.

The signing secret is in no storage: it follows from the state key, the subscription and a version. A digest beside the
version shows if the state key was replaced meanwhile, so that no event is signed with a key that its receiver lacks.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from urllib.parse import urlsplit

from event_subscriptions.subscription import Reason
from event_subscriptions.targets.protocol import NoTargetError, OutgoingEvent, SendOutcome, Target, Verdict
from shared import context
from shared.cloud_events import CONTENT_TYPE
from shared.direct_session import DirectSession, find_layers
from shared.errors import AnswerTooLarge, Forbidden, GatewayError, Invalid, OutcomeUnknown, Unavailable
from shared.json_text import Json
from shared.public_addresses import PrivateAddressError, PublicAdapter, is_ip_address
from shared.redirects import is_redirect
from shared.retry import read_retry_after
from shared.settings.target_hosts import TargetHosts
from shared.state_key import derive_key, read_state_key
from shared.transport import Streamed, Transport
from shared.web_address import HTTPS_ADDRESS, holds_credential
from shared.webhook_signature import show_key, sign

_SECONDS = 10.0
_OLD_KEY_HOLDS = timedelta(days=1)
_LONGEST_URL = 2000
_LARGEST_ANSWER = 16 * 1024
_MOST_SHOWN = 200
_NOT_SHOWN = re.compile(r"[^\x20-\x7e]+")
_ORIGIN, _ALLOWED = "WebHook-Request-Origin", "WebHook-Allowed-Origin"
_FIELD = "target.url"


class HttpsKind:
    """Targets at https addresses. `read_key` returns the state key (Base64)."""

    is_public = True

    def __init__(self, hosts: TargetHosts, read_key: Callable[[], str]) -> None:
        self._hosts = hosts
        self._read_key = read_key
        session = DirectSession(make_adapter=partial(PublicAdapter, hosts.may_be_private))
        self._transport = Transport(read_seconds=_SECONDS, session=session)

    def read(self, given: Json, subscription: str) -> Json:
        """Return the settings of `{"url": …}`. Raises Invalid, and Forbidden for a host that is not allowed."""
        url = given.get("url")
        if not isinstance(url, str) or len(url) > _LONGEST_URL or not HTTPS_ADDRESS.fullmatch(url.strip()):
            raise Invalid(
                "The target's url is no https address. Send one without user, password or fragment.", target=_FIELD
            )
        if unknown := sorted(given.keys() - {"url"}):
            raise Invalid(f"The target has an unknown field, {unknown[0][:50]}. Send url only.", target="target")
        if holds_credential(url):
            raise Invalid(
                "The target's url holds a credential. Let the target check the signature of events instead.",
                target=_FIELD,
            )
        if not self._allows(url):
            raise Forbidden(
                "The gateway may not send events to this host. An administrator can add it to EVENT_TARGET_HOSTS.",
                code="TargetNotAllowed",
                target=_FIELD,
            )
        return {"url": url.strip(), "version": 1, "digest": self._digest(subscription, 1)}

    def verify(self, settings: Json, origin: str) -> None:
        """Ask the target whether it takes events of this gateway (abuse protection of CloudEvents)."""
        with context.within(_SECONDS):
            try:
                with self._transport.open("OPTIONS", settings["url"], headers={_ORIGIN: origin}) as answer:
                    status, allowed = answer.status, answer.headers.get(_ALLOWED, "")
            except GatewayError as error:
                raise Unavailable(
                    f"The target could not be asked whether it takes events. Check its address. {_explain(error)}",
                    code="TargetUnreachable",
                ) from error
        names = {name.strip().lower() for name in allowed.split(",")}
        if status not in range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES) or not names & {"*", origin.lower()}:
            raise Invalid(
                f"The target did not agree to take events of this gateway (it answered {status}). Let it answer "
                f"OPTIONS with {_ALLOWED}: {origin}, as CloudEvents web hooks do.",
                code="TargetNotVerified",
                target=_FIELD,
            )

    def open(self, settings: Json, subscription: str) -> Target:
        """Return the target. Raises NoTargetError if its host is not allowed, or its secret cannot be made any more."""
        if not self._allows(settings["url"]):
            raise NoTargetError(Reason.NOT_ALLOWED)
        version = int(settings["version"])
        if not hmac.compare_digest(self._digest(subscription, version), str(settings["digest"])):
            raise NoTargetError(Reason.KEY_CHANGED)
        keys = [self._key(subscription, version)]
        old_until = settings.get("oldUntil")
        if old_until and datetime.fromisoformat(old_until) > datetime.now(UTC):
            keys.append(self._key(subscription, version - 1))
        return _HttpsTarget(self._transport, settings["url"], keys)

    def describe(self, settings: Json) -> Json:
        """Return the address without its query."""
        return {"url": settings["url"].partition("?")[0]}

    def show_secret(self, settings: Json, subscription: str) -> str | None:
        """Return the signing secret as receivers take it."""
        return show_key(self._key(subscription, int(settings["version"])))

    def rotate(self, settings: Json, subscription: str) -> Json:
        """Return the settings with the next version of the secret; events bear both signatures for a day."""
        version = int(settings["version"])
        is_known = hmac.compare_digest(self._digest(subscription, version), str(settings["digest"]))
        until = (datetime.now(UTC) + _OLD_KEY_HOLDS).isoformat() if is_known else None
        changed = {"version": version + 1, "digest": self._digest(subscription, version + 1), "oldUntil": until}
        return settings | changed

    def _allows(self, url: str) -> bool:
        host = urlsplit(url).hostname or ""
        return self._hosts.allows(host) and (not is_ip_address(host) or self._hosts.may_be_private(host))

    def _key(self, subscription: str, version: int) -> bytes:
        return derive_key(read_state_key(self._read_key()), f"gateway event subscription {subscription} {version}")

    def _digest(self, subscription: str, version: int) -> str:
        return hashlib.sha256(b"digest " + self._key(subscription, version)).hexdigest()[:32]


class _HttpsTarget:
    """Sends events to one address."""

    def __init__(self, transport: Transport, url: str, keys: list[bytes]) -> None:
        self._transport = transport
        self._url = url
        self._keys = keys

    def send(self, event: OutgoingEvent) -> SendOutcome:
        """POST the event. Any 2xx accepts it, 410 ends the subscription, everything else is tried again."""
        body = event.body
        headers = {"Content-Type": CONTENT_TYPE, **sign(event.id, datetime.now(UTC), body, self._keys)}
        try:
            with (
                context.within(_SECONDS),
                self._transport.open("POST", self._url, headers=headers, data=body) as answer,
            ):
                return _read_outcome(answer)
        except OutcomeUnknown as error:
            return SendOutcome(Verdict.UNKNOWN, _explain(error))
        except Unavailable as error:
            return SendOutcome(Verdict.UNAVAILABLE, _explain(error))


def _read_outcome(answer: Streamed) -> SendOutcome:
    status = answer.status
    is_good = status in range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES)
    try:
        content = answer.read(_LARGEST_ANSWER)
    except (AnswerTooLarge, OutcomeUnknown):
        content = b""  # the status is all that is needed
    if is_good:
        return SendOutcome(Verdict.ACCEPTED, f"HTTP {status}", status)
    shown = _NOT_SHOWN.sub(" ", content.decode("utf-8", errors="replace")).strip()[:_MOST_SHOWN]
    text = "redirects are not followed" if is_redirect(status) else shown
    verdict = Verdict.GONE if status == HTTPStatus.GONE else Verdict.UNAVAILABLE
    return SendOutcome(
        verdict, f"HTTP {status} {text}".strip(), status, read_retry_after(answer.headers.get("Retry-After"))
    )


def _explain(error: GatewayError) -> str:
    """Return why nothing was answered; a private address is said to be one."""
    cause = error.__cause__
    if cause is not None and any(isinstance(layer, PrivateAddressError) for layer in find_layers(cause)):
        return "Its name leads to a private address, which EVENT_TARGET_PRIVATE_HOSTS does not allow."
    return error.message
