"""The registration as a whole: read what is, plan, act if told to, prove.

Convergent: a second run finds nothing to do, and the next run finishes what one has begun. Nothing is deleted to undo.
"""

from setup.application import plan_application, plan_principal
from setup.consent import plan_consent
from setup.credentials import plan_stored
from setup.directory import Directory
from setup.errors import CONSENT_ROLE, SCOPE_CONSENT_ROLE, MissingRole
from setup.exchange import show_commands
from setup.federation import plan_federation
from setup.outputs import plan_settings, show_connection, show_other_tenants, show_settings
from setup.permissions import Permission, name_permissions, resolve
from setup.person import Person
from setup.plan import Plan
from setup.removal import plan_removal
from setup.screen import Screen, quiet_logs
from setup.tenant import Tenant, read_tenant
from setup.vault import Vault
from setup.verify import verify
from setup.wish import Part, Wish
from shared.errors import GatewayError
from shared.settings.config import Credential
from shared.transport import Transport

_MOST_ROUNDS = 4


def register(wish: Wish, screen: Screen) -> int:
    """Do what is wished; return the exit code: 0 when all is well, 1 when something stopped it."""
    try:
        with quiet_logs(screen):
            return _register(wish, screen)
    except MissingRole as missing:
        screen.say()
        screen.say(f"Stopped: {missing.message}")
        screen.say(missing.role.way_on)
        if missing.role in (CONSENT_ROLE, SCOPE_CONSENT_ROLE):
            screen.say(f"  az login --tenant {wish.tenant or '<tenant id>'} --allow-no-subscriptions")
            screen.say(f"  {wish.command(Part.CONSENT)}")
    except GatewayError as error:
        screen.say()
        screen.say(f"Stopped: {error.message}")
        if error.upstream_id:
            screen.say(f"Microsoft's request id: {error.upstream_id}")
    screen.say("What was done stays; the same command goes on from here.")
    return 1


def _register(wish: Wish, screen: Screen) -> int:
    transport, person = Transport(), Person(wish.cloud, wish.tenant)
    vault = Vault(person, transport, wish.vault_url) if wish.vault_url else None
    tenant = read_tenant(wish, Directory(person, transport), vault, screen)
    tenant.introduce()
    if wish.part is Part.VERIFY:
        _ = tenant.app_id
        return 0 if verify(tenant) else 1
    for _ in range(_MOST_ROUNDS):
        plan = _make_plan(tenant)
        plan.show(screen)
        if not wish.apply or not plan.steps:
            break
        screen.say()
        screen.say("Doing it")
        is_whole = plan.carry_out(screen)
        tenant.read_app()
        if is_whole and not any(step.replan for step in plan.steps):
            break
    return _finish(tenant, plan)


def _make_plan(tenant: Tenant) -> Plan:
    wish, plan = tenant.wish, Plan()
    if wish.remove:
        plan_removal(tenant, plan)
        return plan
    permissions = _find_permissions(tenant)
    if wish.part is Part.ROTATE:
        _ = tenant.app_id
        plan_stored(tenant, plan, rotate=True)
        return plan
    if wish.part in (Part.ALL, Part.PREPARE):
        if not plan_application(tenant, plan, permissions):
            plan.note("The rest is planned when that is done.")
            return plan
        plan_principal(tenant, plan)
        if wish.credential is Credential.FEDERATED:
            plan_federation(tenant, plan)
        else:
            plan_stored(tenant, plan)
    if wish.part in (Part.ALL, Part.CONSENT):
        if wish.part is Part.CONSENT:
            _ = tenant.app_id
            plan_principal(tenant, plan)
        plan_consent(tenant, plan, permissions)
    if wish.part in (Part.ALL, Part.PREPARE):
        plan_settings(tenant, plan)  # last: an app that starts with the ids keeps its first token for an hour
    return plan


def _find_permissions(tenant: Tenant) -> list[Permission]:
    delegated = tenant.wish.is_delegated
    return resolve(tenant.graph, name_permissions(tenant.wish.features, delegated=delegated), delegated=delegated)


def _finish(tenant: Tenant, plan: Plan) -> int:
    wish, screen = tenant.wish, tenant.screen
    if not wish.apply:
        screen.say()
        if plan.steps:
            screen.say("Nothing was changed. To do it, repeat the command with --apply.")
    if wish.remove:
        return 0
    _show_what_follows(tenant)
    if wish.part is Part.PREPARE:
        screen.say()
        screen.say("Consent is still needed, unless it was given before. Somebody who may give it runs:")
        screen.say(f"  {wish.command(Part.CONSENT)}")
    if wish.part is Part.ALL and (wish.apply or not plan.steps):
        return 0 if verify(tenant) else 1
    return 0


def _show_what_follows(tenant: Tenant) -> None:
    """Print where the ids go, and what others have to do."""
    wish = tenant.wish
    if tenant.app is None or not (wish.app or wish.part in (Part.ALL, Part.PREPARE)):
        return
    if wish.app:
        show_connection(tenant)
    else:
        show_settings(tenant)
    if wish.multi_tenant:
        show_other_tenants(tenant)
    if "mail" in wish.features:
        show_commands(tenant)
