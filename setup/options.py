"""The options of `register`: from the command line, and from the outputs of `azd up` for those left out."""

import argparse
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from setup.errors import Stopped
from shared.graph.permissions import Feature
from shared.mail_address import is_mail_address
from shared.settings.choices import Credential, Switch
from shared.settings.clouds import CLOUDS, Cloud

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{2,118}", re.IGNORECASE)
_WHY_SHORT = (
    "The longer a credential lives, the longer a copy of it opens the tenant. A plain run replaces what ends within 30 "
    "days, so a short life costs nothing; with --credential federated there is nothing that ends."
)
_DESCRIPTION = re.compile(r"[\w][\w .()-]{0,59}")
_NAMES = {
    Credential.FEDERATED: "",
    Credential.CERTIFICATE: "graph-certificate",
    Credential.SECRET: "graph-client-secret",
    Credential.PASSWORD: "graph-service-user",
}
_NAME = "Graph gateway"
_LONGEST_DAYS = 180
_AZD_SECONDS = 60


class Part(StrEnum):
    """The part of the registration that a run does."""

    ALL = "all"
    PREPARE = "prepare"
    CONSENT = "consent"
    VERIFY = "verify"
    ROTATE = "rotate"


@dataclass(frozen=True)
class Options:
    """The options, checked and completed. They hold no secret."""

    part: Part
    apply: bool
    remove: bool
    delete: bool
    tenant: str | None
    cloud: Cloud
    name: str
    unique_name: str
    adopt: str | None
    app: str | None
    multi_tenant: bool
    native_redirect: bool
    features: tuple[str, ...]
    credential: Credential
    credential_name: str
    secret_description: str | None
    days: int
    grace_hours: float
    identity: str | None
    identity_client_id: str | None
    vault_url: str | None
    service_user: str | None
    new_password: bool
    mailboxes: tuple[str, ...]
    pages: tuple[str, ...]
    refused_mailbox: str | None
    close_mail: bool
    mail_read_only: bool
    settings_file: Path | None
    azd: Mapping[str, str] | None
    """The values of azd's environment; None if azd was not asked."""

    @property
    def is_delegated(self) -> bool:
        """True if the app acts for a user, with delegated permissions."""
        return self.credential is Credential.PASSWORD

    def command(self, part: Part, *, tenant: str | None = None, app: str | None = None) -> str:
        """Return the command line for a part of the same registration, in this tenant or another one."""
        tenant, app = tenant or self.tenant or "<tenant id>", app or self.app
        words = ["python3 -m setup register", part.value, f"--tenant {tenant}"]
        words += [f"--app {app}"] if app else [f"--unique-name {self.unique_name}"]
        # The administrators there shall see the app under the same name.
        words += [f"--name {shlex.quote(self.name)}"] if app and self.name != _NAME else []
        words += [f"--for {' '.join(self.features)}"]
        words += [f"--cloud {self.cloud.name}"] if self.cloud.name != "global" else []
        if self.is_delegated:
            words += [f"--credential password --service-user {self.service_user}"]
        return " ".join([*words, "--apply"])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("part", nargs="?", type=Part, choices=list(Part), default=Part.ALL, help="what to do; default: all")
    add("--apply", action="store_true", help="carry out the plan; without it the plan is only printed")
    add("--tenant", metavar="ID", help="directory id or domain; needed with --apply")
    add("--cloud", choices=list(CLOUDS), default="global", help="the tenant's Microsoft cloud (%(default)s)")
    add("--name", default=_NAME, help="display name (%(default)s)")
    add("--unique-name", metavar="NAME", help="unique name by which later runs find the app; default: from --name")
    add("--adopt", metavar="APPID", help="take over an app that was made by hand")
    add("--app", metavar="APPID", help="consent, rotate, verify: client id of the app")
    add("--multi-tenant", action="store_true", help="other tenants may add the app")
    add("--native-redirect", action="store_true", help="add the redirect URI of native clients (delegated sign-in)")
    add(
        "--for",
        dest="features",
        nargs="+",
        choices=[feature.value for feature in Feature],
        default=None,
        help="what the gateway may do (read)",
    )
    add(
        "--credential",
        type=Credential,
        choices=list(Credential),
        default=Credential.FEDERATED,
        help="what the gateway signs in with (%(default)s); password: as a user, by ROPC",
    )
    add("--credential-name", metavar="NAME", help="name of the credential's secret in the vault")
    add("--secret-description", metavar="TEXT", help="what the portal shows beside a new secret or certificate")
    add("--days", type=int, default=_LONGEST_DAYS, help="lifetime of a secret or certificate (%(default)s)")
    add("--grace-hours", type=float, default=24.0, help="how long a replaced credential stays (%(default)s)")
    add("--identity", metavar="ID", help="federated: object id of the gateway's identity")
    add("--identity-client-id", metavar="ID", help="federated: client id of the same identity")
    add("--vault", metavar="NAME", help="name or address of the vault for the credential")
    add("--service-user", metavar="ADDRESS", help="password: the user that the app acts for")
    add("--new-password", action="store_true", help="password: ask for the user's password again, and store it")
    add("--mailbox", dest="mailboxes", action="append", default=[], metavar="ADDRESS", help="mail: a mailbox to read")
    add("--page", dest="pages", action="append", default=[], metavar="ADDRESS", help="calendars: a booking page")
    add("--refused-mailbox", metavar="ADDRESS", help="mail: a mailbox that the app must not be able to read")
    add("--close-mail", action="store_true", help="withdraw permissions in Entra ID that open every mailbox")
    add(
        "--mail-read-only", action="store_true", help="mail: no right to change mails, for mailboxes without write_back"
    )
    add("--settings", dest="settings_file", type=Path, metavar="FILE", help="a local.settings.json to write ids into")
    add("--remove", action="store_true", help="remove credentials and grants, and disable the app")
    add("--delete", action="store_true", help="with --remove: also delete the app; recoverable for 30 days")


def read_options(arguments: argparse.Namespace, environ: Mapping[str, str] | None = None) -> Options:
    """Complete the command line with azd's outputs. Raises Stopped if options are wrong or contradict each other."""
    known = dict(os.environ if environ is None else environ)
    azd = None
    if not (arguments.identity and arguments.vault) and "KEY_VAULT_NAME" not in known:
        azd = _read_azd()
        known |= azd or {}
    cloud = CLOUDS[arguments.cloud]
    asked = list(arguments.features or [Feature.READ.value])
    is_deployed = known.get("GRAPH_NOTIFICATIONS_BOOKINGS") == Switch.ON
    if arguments.pages or (is_deployed and arguments.credential is not Credential.PASSWORD):
        asked.append(Feature.CALENDARS.value)
    is_named = arguments.credential is not Credential.FEDERATED
    options = Options(
        part=arguments.part,
        apply=arguments.apply,
        remove=arguments.remove,
        delete=arguments.delete,
        tenant=arguments.tenant,
        cloud=cloud,
        name=arguments.name,
        unique_name=arguments.unique_name or re.sub(r"[^a-z0-9]+", "-", arguments.name.lower()).strip("-"),
        adopt=arguments.adopt,
        app=arguments.app,
        multi_tenant=arguments.multi_tenant,
        native_redirect=arguments.native_redirect,
        features=tuple(dict.fromkeys(asked)),
        credential=arguments.credential,
        credential_name=arguments.credential_name or _NAMES[arguments.credential] if is_named else "",
        secret_description=arguments.secret_description,
        days=arguments.days,
        grace_hours=arguments.grace_hours,
        identity=arguments.identity or known.get("GATEWAY_IDENTITY_PRINCIPAL_ID"),
        identity_client_id=arguments.identity_client_id or known.get("GATEWAY_IDENTITY_CLIENT_ID"),
        vault_url=_read_vault(arguments.vault or known.get("KEY_VAULT_NAME"), cloud),
        service_user=arguments.service_user,
        new_password=arguments.new_password,
        mailboxes=tuple(arguments.mailboxes),
        pages=tuple(arguments.pages or _read_pages(known)) if Feature.CALENDARS in asked else (),
        refused_mailbox=arguments.refused_mailbox,
        close_mail=arguments.close_mail,
        mail_read_only=arguments.mail_read_only,
        settings_file=arguments.settings_file,
        azd=azd,
    )
    if fault := _find_fault(options):
        raise Stopped(fault)
    return options


def _find_fault(options: Options) -> str | None:
    is_federated = options.credential is Credential.FEDERATED
    makes = options.part in (Part.ALL, Part.PREPARE, Part.ROTATE) and not options.remove
    people = [*options.mailboxes, *options.pages, *filter(None, (options.refused_mailbox, options.service_user))]
    ids = [*filter(None, (options.identity, options.identity_client_id, options.adopt, options.app))]
    faults = (
        (
            not _SLUG.fullmatch(options.unique_name),
            "--unique-name must be 3 to 119 letters, digits and dashes, and begin with a letter or digit.",
        ),
        (not all(map(is_mail_address, people)), "Give mailboxes, pages and users as mail addresses."),
        (
            not all(map(_GUID.fullmatch, ids)),
            "--identity, --identity-client-id, --adopt and --app must be GUIDs; --identity is an object id.",
        ),
        (options.apply and not options.tenant, "--apply needs --tenant with the tenant's id or a domain."),
        (
            not 1 <= options.days <= _LONGEST_DAYS,
            f"--days must be from 1 to {_LONGEST_DAYS}. {_WHY_SHORT}",
        ),
        (
            options.secret_description is not None and not _DESCRIPTION.fullmatch(options.secret_description),
            "--secret-description must be 1 to 60 letters, digits, blanks and ._()-.",
        ),
        (
            options.secret_description is not None and is_federated,
            "--secret-description is for a secret or certificate; a federated credential has none.",
        ),
        (not options.cloud.has_bookings, f"Microsoft Graph offers no Bookings in the cloud {options.cloud.name}."),
        (options.delete and not options.remove, "--delete needs --remove."),
        (
            bool(options.app) and options.part not in (Part.CONSENT, Part.ROTATE, Part.VERIFY),
            "--app is for the parts consent, rotate and verify. To take an app over, name it with --adopt.",
        ),
        (
            makes
            and options.credential is Credential.FEDERATED
            and options.part is not Part.ROTATE
            and not options.identity,
            "A federated credential needs the gateway's identity. Run `azd up` first, or give --identity (object id).",
        ),
        (
            makes and not is_federated and not options.vault_url,
            "This credential is kept in Key Vault. Give the vault's name with --vault (KEY_VAULT_NAME of `azd up`).",
        ),
        (
            options.part is Part.ROTATE and is_federated,
            "A federated credential has no secret, so there is nothing to rotate. Name another kind with --credential.",
        ),
        (options.new_password and not options.is_delegated, "--new-password needs --credential password."),
        (options.is_delegated and not options.service_user, "--credential password needs --service-user."),
        (
            options.is_delegated and bool({Feature.MAIL, Feature.CALENDARS} & set(options.features)),
            "--for mail and --for calendars do not work with --credential password.",
        ),
    )
    return next((message for is_wrong, message in faults if is_wrong), None)


def _read_pages(known: Mapping[str, str]) -> list[str]:
    """Return the booking pages of the deployment's settings, whose ids are their addresses."""
    named = (each.strip() for each in known.get("BOOKINGS_BUSINESSES", "").split(","))
    return [each for each in named if is_mail_address(each)]


def _read_vault(name: str | None, cloud: Cloud) -> str | None:
    if not name:
        return None
    url = name.rstrip("/") if "://" in name else f"https://{name}.{cloud.vault_suffix}"
    if not re.fullmatch(rf"https://[0-9A-Za-z-]+\.{re.escape(cloud.vault_suffix)}", url):
        raise Stopped("--vault must be the name of a vault, or its address in the cloud that --cloud names.")
    return url


def set_azd_settings(settings: Mapping[str, str]) -> None:
    """Set values in azd's environment. None of them is a secret. Raises Stopped."""
    for name, value in settings.items():
        if _run_azd("env", "set", name, value) is None:
            raise Stopped(f"azd did not store {name}. Run `azd env set {name} {value}` to see why.")


def _read_azd() -> dict[str, str] | None:
    """Return the outputs of the last `azd up`; None if azd is not installed or was not used in this folder."""
    values = _run_azd("env", "get-values") if Path(".azure").is_dir() else None
    if values is None:
        return None
    lines = re.findall(r'^([A-Z_]+)="(.*)"$', values, flags=re.MULTILINE)
    return {name: value for name, value in lines if value}


def _run_azd(*words: str) -> str | None:
    azd = shutil.which("azd")
    if azd is None:
        return None
    try:
        done = subprocess.run([azd, *words], capture_output=True, text=True, check=True, timeout=_AZD_SECONDS)  # noqa: S603 - azd
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
