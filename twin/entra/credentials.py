"""Client authentication at the token endpoint: secret, certificate, federated credential.

Public sources: the Entra pages on the client credentials flow, on certificate credentials (assertion format, x5t#S256)
and on workload identity federation (issuer, subject and audience are compared with case).
"""

import time
from datetime import UTC, datetime
from typing import cast

from twin.core.jws import PublicKey, is_signed_by, read_parts
from twin.core.wire import Json
from twin.entra.errors import EntraRefusal
from twin.entra.state import App, Certificate, Entra, FederatedCredential, Tenant

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CLOCK_SKEW = 300


def authenticate_client(entra: Entra, tenant: Tenant, app: App, form: dict[str, str]) -> None:
    """Check the credential in a token request. EntraRefusal names the first thing wrong with it."""
    secret, assertion = form.get("client_secret"), form.get("client_assertion")
    if secret is None and assertion is None:
        if app.is_public_client:
            return
        raise EntraRefusal(7000218)
    if app.is_public_client:
        raise EntraRefusal(700025)
    if secret is not None:
        _check_secret(app, secret)
    elif form.get("client_assertion_type") != ASSERTION_TYPE:
        raise EntraRefusal(900144, parameter="client_assertion_type")
    else:
        _check_assertion(entra, tenant, app, assertion or "")


def _check_secret(app: App, value: str) -> None:
    matching = [secret for secret in tuple(app.secrets.values()) if secret.value == value]
    if not matching:
        raise EntraRefusal(7000215, app=app.app_id)
    if all(secret.unknown_for > 0 for secret in matching):
        for secret in matching:
            secret.unknown_for -= 1
        raise EntraRefusal(7000215, app=app.app_id)
    now = datetime.now(UTC)
    if all(secret.expires is not None and secret.expires <= now for secret in matching):
        raise EntraRefusal(7000222, app=app.app_id)


def _check_assertion(entra: Entra, tenant: Tenant, app: App, assertion: str) -> None:
    try:
        header, claims = read_parts(assertion)
    except ValueError as error:
        raise EntraRefusal(700027) from error
    if "x5t#S256" in header or "x5t" in header or claims.get("iss") == app.app_id:
        _check_certificate_assertion(tenant, app, assertion, header, claims)
    else:
        _check_federated_assertion(entra, app, assertion, header, claims)


def _check_certificate_assertion(tenant: Tenant, app: App, assertion: str, header: Json, claims: Json) -> None:
    certificate = _find_certificate(app, header)
    key = cast("PublicKey", certificate.certificate.public_key()) if certificate else None
    if certificate is None or key is None or not is_signed_by(assertion, key):
        raise EntraRefusal(700027)
    if certificate.certificate.not_valid_after_utc <= datetime.now(UTC):
        raise EntraRefusal(7000222, app=app.app_id)
    if claims.get("iss") != app.app_id or claims.get("sub") != app.app_id:
        raise EntraRefusal(700021)
    audiences = {
        f"https://{host}/{name}{ending}"
        for host in tenant.cloud.login_hosts
        for name in (tenant.id, *tenant.domains)
        for ending in ("/oauth2/v2.0/token", "/oauth2/token", "/v2.0", "")
    }
    if claims.get("aud") not in audiences:
        raise EntraRefusal(700023)
    _check_lifetime(claims)


def _find_certificate(app: App, header: Json) -> Certificate | None:
    for certificate in tuple(app.certificates.values()):
        thumbprints = certificate.thumbprints
        named = [name for name in thumbprints if name in header]
        # msal pads the thumbprint with "=", other libraries do not
        if named and all(str(header[name]).rstrip("=") == thumbprints[name] for name in named):
            return certificate
    return None


def _check_federated_assertion(entra: Entra, app: App, assertion: str, header: Json, claims: Json) -> None:
    credentials = list(app.federated.values())
    if not credentials:
        raise EntraRefusal(70021)
    issuer, subject, audience = (str(claims.get(name)) for name in ("iss", "sub", "aud"))
    _match(credentials, issuer=issuer, subject=subject, audience=audience)
    key = entra.trusted_issuers.get(str(header.get("kid")))
    if key is None or not is_signed_by(assertion, key):
        raise EntraRefusal(70021)
    if claims.get("idtyp") == "user":
        raise EntraRefusal(700229)
    _check_lifetime(claims)


def _match(credentials: list[FederatedCredential], *, issuer: str, subject: str, audience: str) -> None:
    by_issuer = [one for one in credentials if one.issuer == issuer]
    if not by_issuer:
        raise EntraRefusal(700211, issuer=issuer)
    by_subject = [one for one in by_issuer if one.subject == subject]
    if not by_subject:
        raise EntraRefusal(700213, subject=subject)
    if not any(one.audience == audience for one in by_subject):
        raise EntraRefusal(700212, audience=audience)


def _check_lifetime(claims: Json) -> None:
    now = time.time()
    begins, ends = claims.get("nbf", 0), claims.get("exp", 0)
    if not begins - _CLOCK_SKEW <= now < ends + _CLOCK_SKEW:
        raise EntraRefusal(700024)
