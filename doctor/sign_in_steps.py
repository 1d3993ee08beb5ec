"""Steps that examine what the gateway signs in with: identity, vault, secrets, and tokens for Graph."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from composition.connections import Services
from doctor import remedies
from doctor.claims import read_principal
from doctor.examination import Name, Status, Step, Verdict
from doctor.remedies import Place
from doctor.step_names import StepName
from shared.errors import ConfigurationError, Unavailable
from shared.key_vault import RememberedSecret, SecretMissingError, VaultClosedError, VaultClosure
from shared.settings.choices import Credential, IdentitySource
from shared.settings.config import Connection, Settings
from shared.wording import count_of

_WARN_BEFORE = timedelta(days=30)
_WRONG_CREDENTIAL = frozenset({"AADSTS7000215", "AADSTS7000222", "AADSTS70002", "AADSTS700027"})
_UNKNOWN_APP, _UNKNOWN_TENANT, _NO_CONSENT = "AADSTS700016", "AADSTS90002", frozenset({"AADSTS65001", "AADSTS90094"})


def name_identity(client_id: str | None) -> Name:
    """Return the name of the step of an identity."""
    return StepName.IDENTITY, client_id or "of the app"


def name_vault_step(settings: Settings) -> Name:
    """Return the name of the step of the vault."""
    return StepName.VAULT, urlsplit(settings.key_vault_url or "").hostname or ""


def list_identity_steps(settings: Settings, services: Services, place: Place) -> Iterator[Step]:
    """Yield a step for each identity in use."""
    if settings.identity_source is IdentitySource.AZURE_CLI:
        remedy = f"az login --tenant {settings.connections['default'].tenant_id}"
    else:
        remedy = (
            f"az functionapp identity assign {place.named_app} --identities <resource id of the identity>; then "
            f"{remedies.set_setting(place, 'IDENTITY_CLIENT_ID', '<client id of the identity>')}"
        )
    for client_id in dict.fromkeys(_list_identities(settings)):

        def check(client_id: str | None = client_id) -> str:
            services.authenticator.identity.assertion(client_id, _vault_audience(settings))
            return "The identity gives a token."

        yield Step(*name_identity(client_id), check, remedy)


def _list_identities(settings: Settings) -> Iterator[str | None]:
    """Yield the client ids of the identities in use: for the vault, for sign-in, for storage."""
    yield settings.identity_client_id
    for connection in settings.connections.values():
        if connection.credential is Credential.FEDERATED:
            yield connection.identity_client_id
    if settings.storage.connection_string is None:
        yield settings.storage.client_id


def _vault_audience(settings: Settings) -> str:
    return f"https://{settings.connections['default'].cloud.vault_suffix}"


# -- vault -------------------------------------------------------------------------------------------------------------


def list_vault_steps(settings: Settings, services: Services, place: Place) -> Iterator[Step]:
    """Yield a step for the vault, and one for each secret that settings name."""
    vault = name_vault_step(settings)
    name = remedies.name_vault(settings.key_vault_url)
    yield Step(
        *vault,
        partial(_check_vault, settings, services, place),
        remedies.open_network(vault[1]),
        needs=(name_identity(settings.identity_client_id),),
    )
    yield Step(
        StepName.SECRET,
        settings.state_key_name,
        partial(_check_state_key, services, settings.state_key_name),
        remedies.make_state_key(name, settings.state_key_name),
        needs=(vault,),
    )
    for secret, users in _name_secrets(settings, services).items():
        owner = next((one for one in settings.connections.values() if one.credential_name == secret), None)
        yield Step(
            StepName.SECRET,
            secret,
            partial(_check_stored, services.authenticator.secret(secret), " and ".join(users), owner, name),
            remedies.store_secret(name, secret),
            needs=(vault,),
        )


def _name_secrets(settings: Settings, services: Services) -> dict[str, list[str]]:
    """Return the names of the secrets in the settings, each with its users. The state key is not among them."""
    found: dict[str, list[str]] = {}
    for connection in settings.connections.values():
        if connection.credential_name:
            found.setdefault(connection.credential_name, []).append(f"connection {connection.name}")
    for name, sink in services.mail.sinks.items():
        for secret in sink.secrets():
            found.setdefault(secret.name, []).append(f"sink {name}")
    found.pop(settings.state_key_name, None)
    return found


def _check_vault(settings: Settings, services: Services, place: Place) -> str | Verdict:
    name = remedies.name_vault(settings.key_vault_url)
    try:
        services.authenticator.secret(settings.state_key_name)()
    except SecretMissingError:
        return "The vault answers."
    except VaultClosedError as error:
        return Verdict(Status.FAIL, error.message, _open_vault(settings, services, place, error))
    except ConfigurationError as error:
        if error.detail is None:  # the vault returned a malformed value; the step of that secret reports it
            return "The vault answers."
        raise
    except Unavailable as error:
        return Verdict(Status.FAIL, f"The vault {name} did not answer ({error.detail or error.code}).")
    return "The vault answers, and the identity may read secrets."


def _open_vault(settings: Settings, services: Services, place: Place, error: VaultClosedError) -> str:
    name = remedies.name_vault(settings.key_vault_url)
    match error.closure:
        case VaultClosure.UNKNOWN:
            return remedies.correct_vault(place)
        case VaultClosure.FIREWALL:
            return remedies.open_firewall(name, error.address)
        case _:
            token = services.authenticator.identity.token(settings.identity_client_id, _vault_audience(settings))
            return remedies.assign_vault_role(name, read_principal(token), settings.identity_source)


def _check_state_key(services: Services, name: str) -> str | Verdict:
    services.cursors.seal("doctor", binding="doctor")
    return _check_secret(services.authenticator.secret(name), "paging cursors")


def _check_stored(secret: RememberedSecret, used_by: str, owner: Connection | None, vault: str) -> str | Verdict:
    """Check a secret; what ends or is missing, and is a credential of an app, is made anew by the directory."""
    try:
        found = _check_secret(secret, used_by)
    except SecretMissingError as error:
        remedy = remedies.rotate(owner, vault, {"appId": owner.client_id}) if owner else None
        return Verdict(Status.FAIL, error.message, remedy)
    if isinstance(found, Verdict) and owner is not None:
        return Verdict(found.status, found.message, remedies.rotate(owner, vault, secret.tags))
    return found


def _check_secret(secret: RememberedSecret, used_by: str) -> str | Verdict:
    secret()
    ends = secret.expires_on
    if ends is None:
        return f"The secret exists and has no expiry date; used by {used_by}."
    now = datetime.now(UTC)
    if ends <= now:
        return Verdict(Status.FAIL, f"According to the vault, it expired on {ends:%Y-%m-%d}; used by {used_by}.")
    if ends - now < _WARN_BEFORE:
        return Verdict(
            Status.WARN, f"It expires in {count_of((ends - now).days, 'day')}, on {ends:%Y-%m-%d}; used by {used_by}."
        )
    return f"The secret exists and expires on {ends:%Y-%m-%d}; used by {used_by}."


# -- tokens ------------------------------------------------------------------------------------------------------------


def list_token_steps(settings: Settings, services: Services, place: Place) -> Iterator[Step]:
    """Yield a step for each connection."""
    for connection in settings.connections.values():
        needs = (
            (name_identity(connection.identity_client_id or settings.identity_client_id),)
            if connection.credential is Credential.FEDERATED
            else ((StepName.SECRET, connection.credential_name or ""),)
        )
        yield Step(
            StepName.TOKEN,
            connection.name,
            partial(_check_token, services, connection, place),
            f"Check the app in Entra ID, App registrations, {connection.client_id}; see docs/operations.md, 500 "
            "SignInFailed",
            needs=(*needs, (StepName.NETWORK, "")),
        )


def _check_token(services: Services, connection: Connection, place: Place) -> str | Verdict:
    try:
        services.authenticator.tokens(connection.name).token()
    except ConfigurationError as error:
        number, correlation = error.members.get("entraError"), error.members.get("entraCorrelationId")
        ids = ", ".join(filter(None, (number, correlation and f"correlation id {correlation}")))
        message = f"{error.message} ({ids})" if ids else error.message
        return Verdict(Status.FAIL, message, _mend_sign_in(services, connection, place, number or ""))
    return "Entra ID issues a token for Microsoft Graph."


def _mend_sign_in(services: Services, connection: Connection, place: Place, number: str) -> str | None:
    """Return what mends the refusals that a person can mend with one command; None for the others."""
    if number in _WRONG_CREDENTIAL and connection.credential_name:
        secret = services.authenticator.secret(connection.credential_name)
        secret()
        return remedies.rotate(connection, remedies.name_vault(services.settings.key_vault_url), secret.tags)
    if number in _NO_CONSENT:
        return remedies.consent(place, connection, remedies.list_features(connection))
    if number == _UNKNOWN_APP:
        change = remedies.set_of_connection(place, connection, "client_id", "<client id>")
        return f"`az ad app list --show-mine --query [].appId -o tsv` lists client ids. {change}"
    if number == _UNKNOWN_TENANT:
        change = remedies.set_of_connection(place, connection, "tenant_id", "<tenant id>")
        return f"`az account show --query tenantId -o tsv` prints the tenant's id. {change}"
    return None
