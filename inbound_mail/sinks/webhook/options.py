"""The options of webhooks, and their check."""

import re
from collections.abc import Iterator, Mapping

from inbound_mail.sinks._options import Option, check_options, only_one, secret
from inbound_mail.sinks._ticket_links import TICKET_URL, check_link
from inbound_mail.sinks.kind import Kind
from shared.cloud_events import CONTENT_TYPE
from shared.settings.mail_settings import SinkSettings
from shared.web_address import HTTPS_ADDRESS, holds_credential

CONTENT_TYPES = {"generic": CONTENT_TYPE, "power-automate": "application/json"}

_POINTER = re.compile(r"(/[^/\s]*)+")

OPTIONS: Mapping[str, Option] = {
    "url": Option(
        "Address of the receiver, https. Either this or `url_secret`.",
        pattern=HTTPS_ADDRESS,
        wrong="Give an https address without user, password or fragment.",
    ),
    "url_secret": secret("Key Vault name of the address, if the address itself is a credential (Logic Apps)."),
    "preset": Option(
        "`power-automate` sends the event as application/json, which flows can read directly.",
        usual="generic",
        choices=tuple(CONTENT_TYPES),
    ),
    "signing_keys": secret(
        "Key Vault names of the signing keys (`whsec_...`): two while the key changes. Needed with preset `generic`.",
        kind=list,
    ),
    "body": Option("`html` adds sanitised HTML to the text.", usual="text", choices=("text", "html")),
    "inline_kib": Option(
        "The event contains attachments up to this many KiB in total, and links to the others.",
        kind=int,
        usual=256,
        bounds=(0, 4096),
    ),
    "ticket_pointer": Option(
        "JSON pointer to the ticket's number in the answer, such as `/ticket`.",
        pattern=_POINTER,
        wrong="Give a JSON pointer such as /ticket.",
    ),
    "ticket_url": TICKET_URL,
    "ticket_url_pointer": Option(
        "JSON pointer to the ticket's https address in the answer, such as `/url`. It comes before `ticket_url`.",
        pattern=_POINTER,
        wrong="Give a JSON pointer such as /url.",
    ),
    "timeout": Option("Seconds to wait for the answer.", kind=int, usual=30, bounds=(5, 120)),
}


def _check(settings: SinkSettings) -> Iterator[tuple[str, str]]:
    given = settings.options
    yield from check_options(OPTIONS, given)
    yield from check_link(given)
    yield from only_one(given, "url", "url_secret")
    if holds_credential(str(given.get("url") or "")):
        yield (
            "url",
            "This address contains a credential. Store it in Key Vault, and give the secret's name as url_secret.",
        )
    if not given.get("signing_keys") and given.get("preset") != "power-automate":
        yield "signing_keys", "Needed unless preset is power-automate, so that receivers can check who sends the event."


KIND = Kind(
    options=OPTIONS,
    check=_check,
    check_sentence="The secrets have the right form. Nothing was sent: a receiver would take any request for an event.",
)
