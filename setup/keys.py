"""Lists, adds and removes client secrets and certificates of the app. The vault's tags hold the same ids.

The id of a certificate is the SHA-256 of its DER form here, because Graph's own ids depend on how it was added.
Sources: learn.microsoft.com/graph/api/application-addpassword, and -update for keyCredentials (replaced as a whole).
"""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from setup.application import TAG
from setup.errors import APP_ROLE
from setup.tenant import Tenant

_KEY_BITS = 2048
_EXPONENT = 65537


@dataclass(frozen=True)
class Key:
    """A credential on the app: a client secret or a certificate, without its value."""

    id: str
    name: str
    expires: datetime
    is_certificate: bool

    @property
    def is_ours(self) -> bool:
        """Whether this command made it."""
        return self.name.startswith(TAG)

    def describe(self) -> str:
        """Return the phrase that names the credential in messages."""
        kind = "certificate" if self.is_certificate else "client secret"
        return f'{kind} "{self.name}" (ends {self.expires:%Y-%m-%d})'


@dataclass(frozen=True)
class Made:
    """A new credential with its value, which `repr` leaves out."""

    key: Key
    value: str = field(repr=False)


def list_keys(tenant: Tenant) -> list[Key]:
    """List all secrets and certificates of the app."""
    secrets = tenant.directory.get(tenant.app_path, select="passwordCredentials")["passwordCredentials"]
    return [_read_secret(one) for one in secrets] + [_read_certificate(one) for one in _read_certificates(tenant)]


def add_secret(tenant: Tenant) -> Made:
    """Add a client secret."""
    body = {
        "passwordCredential": {
            "displayName": _make_name(tenant),
            "endDateTime": f"{_end_of(tenant):%Y-%m-%dT%H:%M:%SZ}",
        }
    }
    path = f"{tenant.app_path}/addPassword"
    added = tenant.directory.write_once("POST", path, body, doing="Adding a client secret", role=APP_ROLE)
    return Made(_read_secret(added), str(added["secretText"]))


def add_certificate(tenant: Tenant) -> Made:
    """Make a certificate in memory, and add its public part to the app."""
    name, expires = _make_name(tenant), _end_of(tenant)
    der, bundle = _make_certificate(name, expires)
    entry = {
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "displayName": name,
        "key": base64.b64encode(der).decode(),
    }
    _replace_certificates(tenant, [*_read_certificates(tenant), entry], "Adding a certificate")
    return Made(Key(hashlib.sha256(der).hexdigest(), name, expires, is_certificate=True), bundle)


def remove_key(tenant: Tenant, key: Key) -> None:
    """Remove a credential from the app; a client that uses it cannot get another token."""
    if key.is_certificate:
        kept = [one for one in _read_certificates(tenant) if _read_certificate(one).id != key.id]
        _replace_certificates(tenant, kept, "Removing a certificate")
        return
    body = {"keyId": key.id}
    path = f"{tenant.app_path}/removePassword"
    tenant.directory.write_once("POST", path, body, doing="Removing a client secret", role=APP_ROLE)


def _read_certificates(tenant: Tenant) -> list[Any]:
    return list(tenant.directory.get(tenant.app_path, select="keyCredentials")["keyCredentials"])


def _replace_certificates(tenant: Tenant, entries: list[Any], doing: str) -> None:
    tenant.directory.write("PATCH", tenant.app_path, {"keyCredentials": entries}, doing=doing, role=APP_ROLE)


def _read_secret(entry: Any) -> Key:
    name = str(entry.get("displayName") or "")
    return Key(str(entry["keyId"]), name, datetime.fromisoformat(entry["endDateTime"]), is_certificate=False)


def _read_certificate(entry: Any) -> Key:
    der = base64.b64decode(entry["key"] or "")
    name = str(entry.get("displayName") or "")
    ends = (
        datetime.fromisoformat(entry["endDateTime"]) if entry.get("endDateTime") else datetime.max.replace(tzinfo=UTC)
    )
    return Key(hashlib.sha256(der).hexdigest(), name, ends, is_certificate=True)


def _make_name(tenant: Tenant) -> str:
    """Return the description: it begins with our tag, by which later runs know what they made."""
    own = tenant.options.secret_description
    return f"{TAG} {datetime.now(UTC):%Y-%m-%d}" + (f" {own}" if own else "")


def _end_of(tenant: Tenant) -> datetime:
    return (datetime.now(UTC) + timedelta(days=tenant.options.days)).replace(microsecond=0)


def _make_certificate(name: str, expires: datetime) -> tuple[bytes, str]:
    """Return a new certificate as DER, and with its key as Base64 PFX, the form that Key Vault returns."""
    from cryptography import x509  # noqa: PLC0415 - for this credential only
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs12  # noqa: PLC0415 - as above

    key = rsa.generate_private_key(_EXPONENT, _KEY_BITS)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(minutes=10))  # clocks differ
        .not_valid_after(expires)
        .sign(key, hashes.SHA256())
    )
    bundle = pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, None, NoEncryption())
    return certificate.public_bytes(Encoding.DER), base64.b64encode(bundle).decode()
