"""What is wanted: the command line, and the outputs of `azd up` where the command line is silent."""

import argparse
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from setup.errors import Stopped
from setup.permissions import FEATURES
from shared.mail_address import is_mail_address
from shared.settings.clouds import CLOUDS, Cloud
from shared.settings.config import Credential

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{2,118}", re.IGNORECASE)
_NAMES = {
    Credential.FEDERATED: "",
    Credential.CERTIFICATE: "graph-certificate",
    Credential.SECRET: "graph-client-secret",
    Credential.PASSWORD: "graph-service-user",
}
_LONGEST_DAYS = 180
_AZD_SECONDS = 60


class Part(StrEnum):
    """Which part of the registration is done."""

    ALL = "all"
    PREPARE = "prepare"
    CONSENT = "consent"
    VERIFY = "verify"
    ROTATE = "rotate"


@dataclass(frozen=True)
class Wish:
    """The command line, read and completed. Holds no secret."""

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
    days: int
    grace_hours: float
    identity: str | None
    identity_client_id: str | None
    vault_url: str | None
    service_user: str | None
    new_password: bool
    mailboxes: tuple[str, ...]
    refused_mailbox: str | None
    close_mail: bool
    mail_read_only: bool
    settings_file: Path | None
    azd: Mapping[str, str] | None
    """What azd's environment holds, where it was asked; else None."""

    @property
    def is_delegated(self) -> bool:
        """Whether the app acts for a user, with delegated permissions."""
        return self.credential is Credential.PASSWORD

    def command(self, part: Part, *, tenant: str | None = None, app: str | None = None) -> str:
        """Return the line that does another part of the same registration, be it in another tenant."""
        tenant, app = tenant or self.tenant or "<tenant id>", app or self.app
        words = ["python3 -m setup register", part.value, f"--tenant {tenant}"]
        words += [f"--app {app}"] if app else [f"--unique-name {self.unique_name}"]
        words += [f"--for {' '.join(self.features)}"]
        words += [f"--cloud {self.cloud.name}"] if self.cloud.name != "global" else []
        if self.is_delegated:
            words += [f"--credential password --service-user {self.service_user}"]
        return " ".join([*words, "--apply"])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("part", nargs="?", type=Part, choices=list(Part), default=Part.ALL, help="what to do; default: all")
    add("--apply", action="store_true", help="do it; without, the plan is printed and nothing changes")
    add("--tenant", metavar="ID", help="directory id or domain; needed with --apply")
    add("--cloud", choices=list(CLOUDS), default="global")
    add("--name", default="Graph gateway", help="display name (%(default)s)")
    add("--unique-name", metavar="NAME", help="key by which later runs find the app; default: made from --name")
    add("--adopt", metavar="APPID", help="take over an app that was made by hand")
    add("--app", metavar="APPID", help="consent: an app whose home is another tenant")
    add("--multi-tenant", action="store_true", help="further tenants may add the app")
    add("--native-redirect", action="store_true", help="a redirect for public clients, for delegated sign-in only")
    add("--for", dest="features", nargs="+", choices=list(FEATURES), default=["read"], help="what the gateway may do")
    add("--credential", type=Credential, choices=list(Credential), default=Credential.FEDERATED)
    add("--credential-name", metavar="NAME", help="its name in the vault")
    add("--days", type=int, default=_LONGEST_DAYS, help="life of a secret or certificate (%(default)s)")
    add("--grace-hours", type=float, default=24.0, help="how long a replaced credential stays (%(default)s)")
    add("--identity", metavar="ID", help="federated: object id of the gateway's identity")
    add("--identity-client-id", metavar="ID", help="federated: client id of the same identity")
    add("--vault", metavar="NAME", help="the vault, by name or address")
    add("--service-user", metavar="ADDRESS", help="password: the user that the app acts for")
    add("--new-password", action="store_true", help="password: ask for the user's password anew, and store it")
    add("--mailbox", dest="mailboxes", action="append", default=[], metavar="ADDRESS", help="mail: one to be read")
    add("--refused-mailbox", metavar="ADDRESS", help="mail: one that the app must not be able to read")
    add("--close-mail", action="store_true", help="withdraw Mail permissions in Entra, which open every mailbox")
    add("--mail-read-only", action="store_true", help="mail: without the right to mark and move, for no write_back")
    add("--settings", dest="settings_file", type=Path, metavar="FILE", help="a local.settings.json to write ids into")
    add("--remove", action="store_true", help="take credentials and grants away and disable the app")
    add("--delete", action="store_true", help="with --remove: delete it as well; recoverable for 30 days")


def read_wish(options: argparse.Namespace, environ: Mapping[str, str] | None = None) -> Wish:
    """Complete the options from the environment and azd. Raises Stopped when they do not fit together."""
    known = dict(os.environ if environ is None else environ)
    azd = None
    if not (options.identity and options.vault) and "KEY_VAULT_NAME" not in known:
        azd = _read_azd()
        known |= azd or {}
    cloud = CLOUDS[options.cloud]
    is_named = options.credential is not Credential.FEDERATED
    wish = Wish(
        part=options.part,
        apply=options.apply,
        remove=options.remove,
        delete=options.delete,
        tenant=options.tenant,
        cloud=cloud,
        name=options.name,
        unique_name=options.unique_name or re.sub(r"[^a-z0-9]+", "-", options.name.lower()).strip("-"),
        adopt=options.adopt,
        app=options.app,
        multi_tenant=options.multi_tenant,
        native_redirect=options.native_redirect,
        features=tuple(dict.fromkeys(options.features)),
        credential=options.credential,
        credential_name=options.credential_name or _NAMES[options.credential] if is_named else "",
        days=options.days,
        grace_hours=options.grace_hours,
        identity=options.identity or known.get("GATEWAY_IDENTITY_PRINCIPAL_ID"),
        identity_client_id=options.identity_client_id or known.get("GATEWAY_IDENTITY_CLIENT_ID"),
        vault_url=_read_vault(options.vault or known.get("KEY_VAULT_NAME"), cloud),
        service_user=options.service_user,
        new_password=options.new_password,
        mailboxes=tuple(options.mailboxes),
        refused_mailbox=options.refused_mailbox,
        close_mail=options.close_mail,
        mail_read_only=options.mail_read_only,
        settings_file=options.settings_file,
        azd=azd,
    )
    if fault := _find_fault(wish):
        raise Stopped(fault)
    return wish


def _find_fault(wish: Wish) -> str | None:
    makes = wish.part in (Part.ALL, Part.PREPARE, Part.ROTATE) and not wish.remove
    people = [*wish.mailboxes, *filter(None, (wish.refused_mailbox, wish.service_user))]
    ids = [*filter(None, (wish.identity, wish.identity_client_id, wish.adopt, wish.app))]
    faults = (
        (not _SLUG.fullmatch(wish.unique_name), "--unique-name has letters, digits and dashes."),
        (not all(map(is_mail_address, people)), "Mailboxes and users are given as addresses."),
        (
            not all(map(_GUID.fullmatch, ids)),
            "--identity is the object id of a user-assigned identity; it and other ids are GUIDs.",
        ),
        (wish.apply and not wish.tenant, "Name the tenant that is meant: --tenant with its id or a domain."),
        (not 1 <= wish.days <= _LONGEST_DAYS, f"--days goes from 1 to {_LONGEST_DAYS}."),
        (not wish.cloud.has_bookings, f"Microsoft Graph offers no Bookings in the cloud {wish.cloud.name}."),
        (wish.delete and not wish.remove, "--delete goes with --remove."),
        (bool(wish.app) and wish.part is not Part.CONSENT, "--app goes with the part consent, in the other tenant."),
        (
            makes and wish.credential is Credential.FEDERATED and wish.part is not Part.ROTATE and not wish.identity,
            "A federated credential names the gateway's identity: run `azd up` first, or give --identity (object id).",
        ),
        (
            makes and wish.credential is not Credential.FEDERATED and not wish.vault_url,
            "This credential is kept in Key Vault: give --vault with its name (KEY_VAULT_NAME of `azd up`).",
        ),
        (
            wish.part is Part.ROTATE and wish.credential is Credential.FEDERATED,
            "A federated credential has no secret, so there is nothing to rotate. For another one: --credential.",
        ),
        (wish.new_password and not wish.is_delegated, "--new-password goes with --credential password."),
        (wish.is_delegated and not wish.service_user, "The password credential needs --service-user."),
        (wish.is_delegated and "mail" in wish.features, "Mailboxes are read by the app itself: not with a password."),
    )
    return next((message for is_wrong, message in faults if is_wrong), None)


def _read_vault(name: str | None, cloud: Cloud) -> str | None:
    if not name:
        return None
    url = name.rstrip("/") if "://" in name else f"https://{name}.{cloud.vault_suffix}"
    if not re.fullmatch(rf"https://[0-9A-Za-z-]+\.{re.escape(cloud.vault_suffix)}", url):
        raise Stopped("--vault is the name of a vault, or its address in the chosen cloud.")
    return url


def tell_azd(settings: Mapping[str, str]) -> None:
    """Put settings, none of them a secret, into azd's environment. Raises Stopped."""
    for name, value in settings.items():
        if _run_azd("env", "set", name, value) is None:
            raise Stopped(f"azd did not take {name}: `azd env set {name} {value}` tells why.")


def _read_azd() -> dict[str, str] | None:
    """Read the outputs of the last `azd up`; None unless azd is here and has been used in this folder."""
    told = _run_azd("env", "get-values") if Path(".azure").is_dir() else None
    if told is None:
        return None
    lines = re.findall(r'^([A-Z_]+)="(.*)"$', told, flags=re.MULTILINE)
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
