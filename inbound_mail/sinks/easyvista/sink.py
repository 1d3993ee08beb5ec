"""The sink for EasyVista Service Manager: mails become tickets, replies become comments.

`delivery` does the work; `http` and `client` cite the sources for EasyVista's behaviour.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from inbound_mail.sinks._options import read_options
from inbound_mail.sinks.easyvista.client import Client
from inbound_mail.sinks.easyvista.delivery import Delivery
from inbound_mail.sinks.easyvista.http import READ_SECONDS, Http, SignIn
from inbound_mail.sinks.easyvista.options import OPTIONS
from inbound_mail.sinks.easyvista.ticket import apply_rule
from inbound_mail.sinks.protocol import Look, PreparedMail, Progress, Receipt, Tools
from shared import context
from shared.errors import Conflict, NotFound
from shared.key_vault import RememberedSecret
from shared.settings.mail_settings import SinkSettings
from shared.transport import Transport


class EasyVistaSink:
    """Delivers to one instance of EasyVista, by the options of one sink."""

    probe_is_proof = True

    def __init__(self, client: Client, options: Mapping[str, Any], credential: RememberedSecret, base_url: str) -> None:
        self._client = client
        self._base_url = base_url
        self._options = options
        self._credential = credential

    @property
    def time_limit(self) -> float:
        """Seconds that one attempt may take."""
        return float(self._options["time_limit"])

    def deliver(self, prepared: PreparedMail, progress: Progress) -> Receipt:
        """Create a ticket or a comment for the mail, once."""
        seconds = min(self.time_limit, context.remaining())
        with context.call(context.request_id(), seconds=seconds):
            options = apply_rule(self._options, prepared.rule)
            return Delivery(self._client, options, prepared, progress, self._base_url).run()

    def find_mail(self, reference: str, begun: Mapping[str, Any], *, interrupted: bool) -> Look:
        """Look for the mail's ticket by the reference, and for its comment where an attempt may have written one."""
        if begun or interrupted:
            found = begun.get("ticket") or next(iter(self._client.find(reference)), None)
            commented = None if found else begun.get("reply")
            if commented and (begun.get("commented") or self._is_commented(commented, reference)):
                found = commented
            return Look(is_there=found is not None, ticket=found)
        return Look(is_there=False)

    def check_ticket(self, ticket: str) -> str:
        """Return the ticket's number as EasyVista writes it. Raises NotFound or Conflict unless it takes comments."""
        if self._options["comment_action_type_id"] is None:
            raise Conflict(
                "This sink writes no comments. Set comment_action_type_id in its options.",
                code="CommentsNotSetUp",
                target="sink",
            )
        found = self._client.ticket(ticket.upper())
        if found is None:
            message = "There is no such ticket, or the gateway may not read it. Check its number."
            raise NotFound(message, code="TicketNotFound", target="ticket")
        if found.is_closed and self._options["closed_reply"] != "comment":
            message = "This ticket is closed. Reopen it, or choose another one."
            raise Conflict(message, code="TicketClosed", target="ticket")
        return found.rfc

    def _is_commented(self, ticket: str, reference: str) -> bool:
        action_type = self._options["comment_action_type_id"]
        return action_type is not None and any(reference in text for text in self._client.comments(ticket, action_type))

    def probe(self) -> None:
        """Search for a ticket that does not exist. Raises ConfigurationError if sign-in, rights or filters fail."""
        self._client.probe()

    def secrets(self) -> Iterable[RememberedSecret]:
        """Return the token or login."""
        return [self._credential]


def build(settings: SinkSettings, tools: Tools) -> EasyVistaSink:
    """Build the sink of checked settings."""
    options = read_options(OPTIONS, settings.options)
    credential = tools.secret(options["token"] or options["login"])
    sign_in = SignIn(credential, is_login=options["token"] is None)
    root = f"{options['url'].rstrip('/')}/api/v1/{options['account']}"
    client = Client(Http(root, sign_in, Transport(read_seconds=READ_SECONDS)))
    return EasyVistaSink(client, options, credential, tools.base_url)
