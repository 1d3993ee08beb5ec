"""The target of instant triggers: a flow of Power Automate or Logic Apps, called back at an address of its own.

The address is a credential (`sig` in its query): it is sealed in the subscription's row, shown by nothing, and hidden
from the log of the HTTP library. A callback gets what an item of the polling trigger is, without an envelope. It is
answered 202 before the run. What is said about other answers follows what users report of the service: a flow that is
gone is 404 (`WorkflowNotFound`), or 400 `WorkflowTriggerIsNotEnabled` with the state Deleted; one that is turned off is
the same 400 with the state Disabled or Suspended, and may come back.

Sources: "Create custom APIs for Azure Logic Apps" (webhook triggers); for addresses, "Power Platform URLs and IP
address ranges" (api.powerplatform.com and its government clouds) and subscriptions of public connectors
(logic.azure.com).
"""

import re
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from event_subscriptions.subscription import Reason
from event_subscriptions.targets.exchange import Refusal, post
from event_subscriptions.targets.protocol import NoTargetError, OutgoingEvent, SendOutcome, Target
from shared.errors import Forbidden, Invalid
from shared.json_text import Json, write_json
from shared.sealing import SealBrokenError, Sealing
from shared.secret_addresses import hide_host
from shared.transport import Transport
from shared.web_address import HTTPS_ADDRESS

# Hosts below these belong to Microsoft's engines of flows.
FLOW_HOSTS = (
    "logic.azure.com",
    "logic.azure.us",
    "logic.azure.cn",
    "api.powerplatform.com",
    "api.gov.powerplatform.microsoft.us",
    "api.high.powerplatform.microsoft.us",
    "api.appsplatform.us",
    "api.powerplatform.partner.microsoftonline.cn",
)
_LONGEST = 4096
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_NOT_ENABLED = "WorkflowTriggerIsNotEnabled"
_DELETED = re.compile(r"with state '?Deleted\b", re.IGNORECASE)


class FlowKind:
    """Flows as targets. `further_hosts`: those of the settings, beside Microsoft's; each allows what is below it."""

    is_public = False  # only instant triggers make such subscriptions

    def __init__(self, transport: Transport, sealing: Sealing, further_hosts: Collection[str] = ()) -> None:
        self._transport = transport
        self._sealing = sealing
        self._hosts = (*FLOW_HOSTS, *further_hosts)

    def read(self, given: Json, subscription: str) -> Json:
        """Return the settings of {"url", "serial"?, "workflow"?}: the address sealed, which call made it, and its flow.

        Raises Invalid or Forbidden.
        """
        url = str(given.get("url") or "")
        found = HTTPS_ADDRESS.fullmatch(url) if len(url) <= _LONGEST else None
        if found is None:
            raise Invalid(
                "This is no address of a flow's callback. Send the https address that the engine gives.",
                code="InvalidAddress",
                target="callbackUrl",
            )
        host = found["host"].lower()
        if not self._allows(host):
            raise Forbidden(
                "The gateway calls flows of Power Automate and Logic Apps only. An administrator can add other hosts "
                "to FLOW_CALLBACK_HOSTS.",
                code="TargetNotAllowed",
                target="callbackUrl",
            )
        sealed = self._sealing.seal(url, binding=subscription)
        named = {"workflow": str(given["workflow"])} if given.get("workflow") else {}
        return {"url": sealed, "host": host, "serial": str(given.get("serial") or ""), **named}

    def verify(self, settings: Json, origin: str) -> None:
        """Send nothing: every call of a callback starts a run."""

    def open(self, settings: Json, subscription: str) -> Target:
        """Return the flow. Raises NoTargetError if it is not allowed, or was sealed with another state key."""
        if not self._allows(str(settings["host"])):
            raise NoTargetError(Reason.NOT_ALLOWED)
        try:
            url = self._sealing.open(str(settings["url"]), binding=subscription)
        except SealBrokenError:
            raise NoTargetError(Reason.KEY_CHANGED) from None
        return _Flow(self._transport, url)

    def describe(self, settings: Json) -> Json:
        """Return the host, and what the flow is called if its engine said so."""
        return {name: settings[name] for name in ("host", "workflow") if name in settings}

    def show_secret(self, settings: Json, subscription: str) -> str | None:
        """Return None: a flow knows the gateway by the address that it gave."""

    def rotate(self, settings: Json, subscription: str) -> Json:
        """Refuse: there is no secret."""
        del settings, subscription
        raise Invalid(
            "A flow has no secret. Leave it as it is, or turn it off and on for a new address.",
            code="InvalidTarget",
            target="id",
        )

    def _allows(self, host: str) -> bool:
        return any(host == allowed or host.endswith(f".{allowed}") for allowed in self._hosts)


class _Flow:
    def __init__(self, transport: Transport, url: str) -> None:
        self._transport = transport
        self._url = url
        hide_host(urlsplit(url).hostname or "")

    def send(self, event: OutgoingEvent) -> SendOutcome:
        """Start one run with the event's data."""
        return post(
            self._transport,
            self._url,
            headers={"Content-Type": "application/json", "webhook-id": event.id},
            body=write_json(event.data),
            is_gone=_is_gone,
        )


def _is_gone(refusal: Refusal) -> bool:
    if refusal.status in _GONE:
        return True
    return refusal.code == _NOT_ENABLED and _DELETED.search(refusal.message) is not None
