"""The whole registration: read the tenant, plan the missing steps, carry them out with --apply, prove the result.

The command is convergent: a second run finds nothing to do, and after a failed run the next one continues. A failed run
deletes nothing.
"""

from setup.application import plan_application, plan_principal
from setup.consent import plan_consent
from setup.console import Console, quiet_logs
from setup.credentials import describe_stored, plan_stored
from setup.directory import Directory
from setup.errors import CONSENT_ROLE, SCOPE_CONSENT_ROLE, MissingRole
from setup.exchange import show_commands
from setup.federation import plan_federation
from setup.options import Options, Part
from setup.outputs import plan_settings, show_connection, show_other_tenants, show_settings
from setup.permissions import OfferedPermission, find_needed, resolve
from setup.person import Person
from setup.plan import Plan, Progress
from setup.removal import plan_removal
from setup.tenant import Tenant, read_tenant
from setup.vault import Vault
from setup.verify import verify
from shared.errors import GatewayError, OutcomeUnknown
from shared.graph.permissions import Feature
from shared.settings.choices import Credential
from shared.transport import Transport

_MOST_ROUNDS = 4
_INTERRUPTED = 130


def register(options: Options, console: Console) -> int:
    """Run the part that the options name; return the exit code: 0 for success, 1 if something stopped it."""
    progress = Progress()
    try:
        with quiet_logs(console):
            return _register(options, console, progress)
    except KeyboardInterrupt:
        console.say()
        console.say("Interrupted.")
        _show_progress(console, progress, is_certain=False)
        return _INTERRUPTED
    except MissingRole as missing:
        is_certain = True
        console.say()
        console.say(f"Stopped: {missing.message}")
        console.say(missing.role.remedy)
        if missing.role in (CONSENT_ROLE, SCOPE_CONSENT_ROLE):
            console.say(f"  az login --tenant {options.tenant or '<tenant id>'} --allow-no-subscriptions")
            console.say(f"  {options.command(Part.CONSENT)}")
    except GatewayError as error:
        console.say()
        console.say(f"Stopped: {error.message}")
        if error.upstream_id:
            console.say(f"Microsoft's request id: {error.upstream_id}")
        is_certain = not isinstance(error, OutcomeUnknown)
    _show_progress(console, progress, is_certain=is_certain)
    return 1


def _show_progress(console: Console, progress: Progress, *, is_certain: bool) -> None:
    """Say what was done, and how to go on. `is_certain`: the step that has begun was refused."""
    begun = None if is_certain else progress.begun
    if not progress.done and begun is None:
        console.say("Nothing was changed.")
        return
    if progress.done:
        console.say("Done, and stays so:")
    for what in progress.done:
        console.say(f"  {what}")
    if begun is not None:
        console.say(f"Begun, and perhaps done: {begun}")
    console.say("The same command looks what is there, and goes on.")


def _register(options: Options, console: Console, progress: Progress) -> int:
    transport, person = Transport(), Person(options.cloud, options.tenant)
    vault = Vault(person, transport, options.vault_url) if options.vault_url else None
    tenant = read_tenant(options, Directory(person, transport), vault, console)
    tenant.introduce()
    if options.part is Part.VERIFY:
        _ = tenant.app_id
        return 0 if verify(tenant, _find_permissions(tenant)) else 1
    for _ in range(_MOST_ROUNDS):
        plan = _make_plan(tenant, progress)
        plan.show(console)
        if not options.apply or not plan.steps:
            break
        console.say()
        console.say("Carrying out the plan")
        is_whole = plan.carry_out(console)
        tenant.read_app()
        if is_whole and not any(step.replan for step in plan.steps):
            break
    return _finish(tenant, plan)


def _make_plan(tenant: Tenant, progress: Progress) -> Plan:
    options, plan = tenant.options, Plan(progress=progress)
    if options.remove:
        plan_removal(tenant, plan)
        return plan
    permissions = _find_permissions(tenant)
    if options.part is Part.ROTATE:
        _ = tenant.app_id
        plan_stored(tenant, plan, rotate=True)
        return plan
    if options.part in (Part.ALL, Part.PREPARE):
        if not plan_application(tenant, plan, permissions):
            plan.note("The other steps are planned when this one is done.")
            return plan
        plan_principal(tenant, plan)
        if options.credential is Credential.FEDERATED:
            plan_federation(tenant, plan)
        else:
            plan_stored(tenant, plan)
    if options.part in (Part.ALL, Part.CONSENT):
        if options.part is Part.CONSENT:
            _ = tenant.app_id
            plan_principal(tenant, plan)
        plan_consent(tenant, plan, permissions)
    tenant.console.plan_exchange(tenant, plan)
    if options.part in (Part.ALL, Part.PREPARE):
        # Last, because an app that starts with the ids keeps its first token, and so its permissions, for an hour.
        plan_settings(tenant, plan)
    return plan


def _find_permissions(tenant: Tenant) -> list[OfferedPermission]:
    delegated = tenant.options.is_delegated
    return resolve(tenant.graph, find_needed(tenant.options.features, delegated=delegated), delegated=delegated)


def _finish(tenant: Tenant, plan: Plan) -> int:
    options, console = tenant.options, tenant.console
    if not options.apply:
        console.say()
        if plan.steps:
            console.say("Nothing was changed. To carry out the plan, run the command again with --apply.")
    if options.remove:
        return 0
    _show_what_follows(tenant)
    if options.part is Part.PREPARE:
        console.say()
        console.say("Consent is still needed, unless it was given before. Somebody who may give it runs:")
        console.say(f"  {options.command(Part.CONSENT)}")
    if options.part is Part.ALL and (options.apply or not plan.steps):
        return 0 if verify(tenant, _find_permissions(tenant)) else 1
    if options.apply:
        _say_what_is_now(tenant)
    return 0


def _say_what_is_now(tenant: Tenant) -> None:
    """End `rotate` and `consent` with what is so from now on."""
    options, say = tenant.options, tenant.console.say
    if options.part is Part.ROTATE:
        say()
        for line in describe_stored(tenant):
            say(line)
    if options.part is Part.CONSENT:
        names = ", ".join(one.name for one in _find_permissions(tenant))
        say()
        say(f"Consent is given to {names}. To prove that it works, run the part `verify`.")


def _show_what_follows(tenant: Tenant) -> None:
    """Print what has to be done with the ids, and by whom."""
    options = tenant.options
    if tenant.app is None or not (options.app or options.part in (Part.ALL, Part.PREPARE)):
        return
    if tenant.is_foreign:
        show_connection(tenant)
    elif not options.app:
        show_settings(tenant)
    if options.multi_tenant:
        show_other_tenants(tenant)
    if {Feature.MAIL, Feature.CALENDARS} & set(options.features):
        show_commands(tenant)
