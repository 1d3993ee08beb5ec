"""The options of EasyVista sinks, and their check."""

import re
from collections.abc import Iterator, Mapping

from inbound_mail.sinks._options import Option, check_options, only_one, secret
from inbound_mail.sinks._ticket_links import TICKET_URL, check_link
from inbound_mail.sinks.kind import Kind
from shared.settings.json_catalogue import CUSTOM_FIELD, PLACEHOLDERS
from shared.settings.mail_settings import SinkSettings
from shared.web_address import HTTPS_HOST

GUID = re.compile(r"\{?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?")
_ADDRESS = re.compile(r"[^@\s\"]{1,64}@[A-Za-z0-9.-]{1,253}")
_ID = (1, 2_147_483_647)

OPTIONS: Mapping[str, Option] = {
    "url": Option(
        "Address of the instance without a path, such as https://contoso.easyvista.com.",
        needed=True,
        pattern=HTTPS_HOST,
        wrong="Give an https address without path, such as https://contoso.easyvista.com.",
    ),
    "account": Option(
        "Number of the database, usually 50004 for production and 50005 for the sandbox.",
        needed=True,
        pattern=re.compile(r"\d{1,10}"),
        wrong="Give the number of the database in quotation marks.",
    ),
    "token": secret("Key Vault name of the access token. Either this or `login`."),
    "login": secret("Key Vault name of `user:password`."),
    "catalog_code": Option("Code of the catalog entry of tickets. Either this or `catalog_guid`."),
    "catalog_guid": Option(
        "GUID of the catalog entry.", pattern=GUID, wrong="Give a GUID such as 0f5e7c1a-6b1d-4b57-9e55-1d0b6a2f4c01."
    ),
    "origin": Option("Origin of tickets, by name or id.", usual="Email"),
    "department_id": Option("Department of tickets.", kind=int, bounds=_ID),
    "department_code": Option("Department of tickets, by code."),
    "location_id": Option("Location of tickets.", kind=int, bounds=_ID),
    "location_code": Option("Location of tickets, by code."),
    "urgency_id": Option("Urgency of tickets.", kind=int, bounds=_ID),
    "high_importance_urgency_id": Option("Urgency of mails of high importance.", kind=int, bounds=_ID),
    "impact_id": Option("Impact of tickets.", kind=int, bounds=_ID),
    "severity_id": Option("Severity of tickets.", kind=int, bounds=_ID),
    "fields": Option(
        "Custom columns (`e_...`) and their texts. In a text, `{...}` is a placeholder for "
        f"{', '.join(f'`{one}`' for one in PLACEHOLDERS)}.",
        kind=dict,
    ),
    "title_length": Option("Maximum length of a title.", kind=int, usual=200, bounds=(20, 1000)),
    "body": Option("Write descriptions as `text`, or as sanitised `html`.", usual="text", choices=("text", "html")),
    "body_write": Option(
        "`create_then_put` writes the description again after the creation, for instances that lose the first one.",
        usual="create",
        choices=("create", "create_then_put"),
    ),
    "unknown_sender": Option(
        "What to do with a mail whose author EasyVista does not know: `quarantine` it, create a ticket for the "
        "`default_recipient` (its text names the author), or `reject` it (no person has to look at it).",
        usual="quarantine",
        choices=("quarantine", "default_recipient", "reject"),
    ),
    "default_recipient": Option(
        "Mail address of the person who gets the tickets of unknown authors.",
        pattern=_ADDRESS,
        wrong="Give a mail address that EasyVista knows.",
    ),
    "closed_reply": Option(
        "What to do with a reply to a closed ticket: `new_linked` creates a ticket with the closed one as parent, "
        "`comment` tries a comment first, `quarantine` leaves it to a person.",
        usual="new_linked",
        choices=("new_linked", "comment", "quarantine"),
    ),
    "comment_action_type_id": Option(
        "Action type of the task that a reply becomes; it decides whether requestors see the task. Without this option "
        "replies become linked tickets.",
        kind=int,
        bounds=_ID,
    ),
    "comment_group_mail": Option(
        "Group of the task, by mail address.", pattern=_ADDRESS, wrong="Give the group's mail address."
    ),
    "comment_group_id": Option("Group of the task, by id.", kind=int, bounds=_ID),
    "trusted_domains": Option(
        "Mail domains whose authors may comment on every ticket. Authors can be forged, so leave this empty unless the "
        "mail system verifies them.",
        kind=list,
        usual=(),
        pattern=re.compile(r"[A-Za-z0-9.-]{3,253}"),
        wrong="Give domains such as contoso.com.",
    ),
    "ticket_url": TICKET_URL,
    "document_form": Option(
        "How files are sent: as `json`, or in a field of a `form`.", usual="json", choices=("json", "form")
    ),
    "attachment_mb": Option(
        "Files larger than this many MiB are not sent; the text says where to get them.",
        kind=int,
        usual=20,
        bounds=(1, 150),
    ),
    "time_limit": Option(
        "Seconds that one attempt may take; a run of the function ends after 160.",
        kind=int,
        usual=120,
        bounds=(30, 500),
    ),
}


def _check(settings: SinkSettings) -> Iterator[tuple[str, str]]:
    given = settings.options
    yield from check_options(OPTIONS, given)
    yield from check_link(given)
    yield from only_one(given, "token", "login")
    yield from only_one(given, "catalog_code", "catalog_guid")
    for one, other in (("department_id", "department_code"), ("location_id", "location_code")):
        if one in given and other in given:
            yield one, f"Give either {one} or {other}."
    if given.get("unknown_sender") == "default_recipient" and "default_recipient" not in given:
        yield "default_recipient", "Needed with unknown_sender default_recipient."
    groups = [name for name in ("comment_group_mail", "comment_group_id") if name in given]
    if len(groups) != int("comment_action_type_id" in given):
        yield "comment_action_type_id", "Comments need this and either comment_group_mail or comment_group_id."
    fields = given.get("fields")
    for name, template in fields.items() if isinstance(fields, dict) else ():
        unknown = set(re.findall(r"\{(\w+)\}", str(template))) - set(PLACEHOLDERS)
        if not CUSTOM_FIELD.fullmatch(name) or not isinstance(template, str):
            yield "fields", f"{name!r} must be a custom column (its name begins with e_) with a text."
        elif unknown:
            yield "fields", f"There is no placeholder {{{min(unknown)}}}. Known: {', '.join(PLACEHOLDERS)}."


KIND = Kind(options=OPTIONS, check=_check)
