"""Fills the placeholders in texts of custom columns; `shared.settings.catalogue` lists them."""

import re

from inbound_mail.sinks._bounds import shorten
from inbound_mail.sinks.protocol import PreparedMail
from shared.json_text import Json


def fill_placeholders(template: str, prepared: PreparedMail) -> str:
    """Replace the placeholders of a template. Braces in a replacing value are not read as placeholders."""
    mail = prepared.mail
    values = {
        "message_id": mail.message_id or "",
        "mailbox": mail.mailbox,
        "address": mail.address,
        "sender": mail.sender,
        "sender_name": shorten(mail.sender_name),
        "subject": shorten(mail.subject),
        "received": mail.received.isoformat(),
        "reference": prepared.reference,
    }
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)


def describe_rule(prepared: PreparedMail) -> Json | None:
    """Return what the rule of a mail sets, with the texts of its custom fields filled in; None without a rule."""
    if prepared.rule is None:
        return None
    described = prepared.rule.describe()
    fields = {name: fill_placeholders(text, prepared) for name, text in prepared.rule.custom_fields.items()}
    return described | ({"customFields": fields} if fields else {})
