"""The Bicep files agree with the code (settings, queues, events, threads), and the documents with the Bicep files."""

import json
import re
from dataclasses import dataclass

import pytest

from blueprints import mail_work
from bookings.changes import journal
from bookings.holds import store
from devkit.bicep.resources import COMPILER, ROLES
from event_subscriptions import store as subscriptions
from event_subscriptions.messages import QUEUE as EVENT_QUEUE
from graph_notifications import store as graph_subscriptions
from inbound_mail.delivery import threads
from inbound_mail.ledger import ledger, mail_exports, mail_store
from inbound_mail.messages import DELIVERY_QUEUE, POLL_QUEUE
from inbound_mail.sinks import check_sink
from shared.events import Event
from shared.issues import KINDS
from shared.settings.catalogue import SETTINGS
from shared.settings.config import load_settings
from shared.storage import idempotency
from tests.house.source import ROOT
from tests.house.triggers import builders
from trigger_polls import store as trigger_polls

MAIN = (ROOT / "infra/main.bicep").read_text()
DEPLOY = (ROOT / "docs/deploy.md").read_text()
FILE = json.loads((ROOT / "infra/main.parameters.json").read_text())["parameters"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def module(name: str) -> str:
    return (ROOT / f"infra/modules/{name}.bicep").read_text()


@dataclass(frozen=True)
class Parameter:
    kind: str
    default: str | None
    text: str

    @property
    def value(self) -> object:
        """The default as a JSON value."""
        if self.default in ("{}", "[]"):
            return {"{}": {}, "[]": []}[self.default]
        return self.default if self.kind == "string" else json.loads(self.default or "null")


def parameters() -> dict[str, Parameter]:
    pattern = r"^@description\('((?:[^'\\]|\\.)*)'\)\n(?:@.+\n)*param (\w+) ([\w\[\]]+)(?: = (.+))?$"
    found = re.findall(pattern, MAIN, flags=re.MULTILINE)
    assert len(found) == len(re.findall(r"^param ", MAIN, flags=re.MULTILINE))
    return {
        name: Parameter(kind, default.strip("'") if default else None, text.replace("\\'", "'"))
        for text, name, kind, default in found
    }


def variable(name: str) -> tuple[str, str] | None:
    """The environment variable that gives a parameter, and its default there; None: a value in the file."""
    value = FILE[name]["value"]
    found = re.fullmatch(r"\$\{(\w+)(?:=([^}]*))?\}", value) if isinstance(value, str) else None
    return (found[1], found[2] or "") if found else None


def settings_block() -> dict[str, str]:
    block = re.search(r"^    settings: \{\n(.*?)^    \}", MAIN, flags=re.MULTILINE | re.DOTALL)
    assert block
    return dict(re.findall(r"^      (\w+): (.+)$", block[1], flags=re.MULTILINE))


def test_every_setting_is_deployed_as_a_parameter_or_a_fixed_value() -> None:
    block = settings_block()
    assert list(block) == [setting.name for setting in SETTINGS]
    fixed = {name for name, value in block.items() if not set(re.findall(r"\w+", value)) & set(parameters())}
    assert fixed == {"KEY_VAULT_URL", "IDENTITY_CLIENT_ID", "IDENTITY_SOURCE"}


def test_a_parameter_has_the_default_of_its_setting() -> None:
    not_of_settings = {"mailSettingsBlob", "privateNetwork"}
    for setting in SETTINGS:
        for name in set(re.findall(r"\w+", settings_block()[setting.name])) & set(parameters()) - not_of_settings:
            assert parameters()[name].default == (setting.default or ""), name
            given = variable(name)
            assert given is None or given[0] == setting.name


def test_the_deployed_settings_are_valid_after_the_registration() -> None:
    """The gateway's own check finds no fault in the settings as they are deployed."""
    one = "11111111-2222-3333-4444-555555555555"
    known = {"KEY_VAULT_URL": "https://kv-x.vault.azure.net/", "IDENTITY_CLIENT_ID": one, "GRAPH_TENANT_ID": one}
    environ = {setting.name: setting.default or "" for setting in SETTINGS} | known | {"GRAPH_CLIENT_ID": one}
    environ |= {
        f"AzureWebJobsStorage__{each}ServiceUri": f"https://stx.{each}.core.windows.net/" for each in ("blob", "table")
    }
    settings = load_settings(environ | {"AzureWebJobsStorage__clientId": one})
    assert settings.storage.client_id == one


def test_the_parameters_file_gives_every_parameter_its_own_default() -> None:
    assert set(FILE) == set(parameters())
    for name, parameter in parameters().items():
        given = variable(name)
        if given is None:
            assert FILE[name]["value"] == parameter.value, name
        elif parameter.default is not None:
            assert given[1] == parameter.default, name


def test_every_parameter_is_documented() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| .+? \| (.+) \|$", DEPLOY, flags=re.MULTILINE)
    wanted = []
    for name, parameter in parameters().items():
        default = "needed" if parameter.default is None else f"`{parameter.default}`" if parameter.default else "empty"
        given = variable(name)
        wanted.append((name, f"`{given[0]}`" if given else "in the file", default, parameter.text))
    assert rows == wanted


def test_the_example_of_mailboxes_and_sinks_is_valid() -> None:
    example = re.search(r"```json\n(\"mailboxes\".*?),\n```", DEPLOY, flags=re.DOTALL)
    assert example
    given = {name: json.dumps(each["value"]) for name, each in json.loads(f"{{{example[1]}}}").items()}
    one = "11111111-2222-3333-4444-555555555555"
    settings = load_settings(
        {
            "KEY_VAULT_URL": "https://kv-x.vault.azure.net/", "IDENTITY_CLIENT_ID": one, "GRAPH_TENANT_ID": one,
            "GRAPH_CLIENT_ID": one, "AzureWebJobsStorage__accountName": "stx",
            "MAILBOXES": given["mailboxes"], "SINKS": given["sinks"],
        },
        check_sink=check_sink,
    )  # fmt: skip
    assert settings.mailboxes["support"].sinks == ("tickets",)


def test_every_output_is_documented() -> None:
    for name in re.findall(r"^output (\w+)", MAIN, flags=re.MULTILINE):
        assert f"`{name}`" in DEPLOY, name


def test_the_versions_of_python_are_those_that_are_tested() -> None:
    """The images of Python set PYTHON_VERSION to their own, such as 3.13.5, and azd would take it."""
    assert variable("pythonVersion") == ("GATEWAY_PYTHON", "3.13")
    assert f"@allowed(['{parameters()['pythonVersion'].default}', '3.14'])" in MAIN
    assert parameters()["pythonVersion"].default == (ROOT / ".python-version").read_text().strip()
    assert "runtime: { name: 'python', version: pythonVersion }" in module("gateway")


def test_updates_roll_only_once_the_types_of_bicep_know_how() -> None:
    """Types of Microsoft.Web 2025-03-01 lack it: the compiler warns, and what is written there is not checked."""
    assert "siteUpdateStrategy" not in module("gateway")


def test_the_platforms_welcome_page_is_off() -> None:
    assert "AzureWebJobsDisableHomepage: 'true'" in module("gateway")


def test_every_role_is_documented() -> None:
    rows = set(
        re.findall(r"^\| ([A-Z]\w+(?: [A-Z]\w+)+) \| (?:the gateway|the deployer) \|", DEPLOY, flags=re.MULTILINE)
    )
    table = dict(re.findall(r"^  '(.+)': '([0-9a-f-]{36})'$", module("roles"), flags=re.MULTILINE))
    assert rows == set(table)
    assert table == dict(ROLES)


def test_queues_tables_and_containers_are_those_of_the_code() -> None:
    assert re.findall(r"^var (?:polls|deliveries|events) = '(.+)'$", MAIN, flags=re.MULTILINE) == [
        POLL_QUEUE,
        DELIVERY_QUEUE,
        EVENT_QUEUE,
    ]
    queues = [f"{name}, '${{{name}}}-poison'" for name in ("polls", "deliveries", "events")]
    assert f"queues: [{', '.join(queues)}]" in MAIN
    tables = (ledger, threads, journal, idempotency, store, subscriptions, graph_subscriptions, trigger_polls)
    assert "tables: [{}]".format(", ".join(f"'{each.TABLE}'" for each in tables)) in MAIN
    containers = ("app-package", mail_store.CONTAINER, mail_exports.CONTAINER, journal.CONTAINER, "config")
    assert "containers: [{}]".format(", ".join(f"'{each}'" for each in containers)) in MAIN
    assert f"exportsContainer: '{mail_exports.CONTAINER}'" in MAIN  # what is emptied by the rule
    assert "delete: { daysAfterCreationGreaterThan: 1 }" in module("storage")
    for setting in ("MAILBOXES", "SINKS"):
        assert settings_block()[setting].endswith(": 'blob:config/${mailSettingsBlob}'")


def test_every_alarm_has_an_alert() -> None:
    alarms = re.findall(r"event: '(\w+)'", module("alerts"))
    # what is set aside in unusual numbers is looked at in working hours, and wakes nobody
    raised = {code for code in KINDS if code in set(Event)} - {Event.SET_ASIDE_GREW}
    assert len(alarms) == len(set(alarms))
    assert set(alarms) == {*raised, Event.POISON_MESSAGE}
    heard = re.search(r'name == "(\w+)"', module("alerts"))
    assert heard
    assert hasattr(mail_work, heard[1])


def test_there_are_threads_for_everything_that_runs_at_the_same_time() -> None:
    queues = json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]
    spare = re.search(r"PYTHON_THREADPOOL_THREAD_COUNT: string\(httpConcurrency \+ (\d+)\)", module("gateway"))
    assert spare
    threads_of_an_instance = int(parameters()["httpConcurrency"].default or 0) + int(spare[1])
    assert threads_of_an_instance >= queues["batchSize"] + queues["newBatchThreshold"]


def test_the_host_does_not_log_the_begin_and_end_of_functions_that_nobody_calls_or_a_probe() -> None:
    """The table of requests says the same. Poison messages are left out: they are rare, and a fault."""
    levels = json.loads((ROOT / "host.json").read_text())["logging"]["logLevel"]
    nobody_calls = {
        function.get_function_name()
        for function in builders()
        for binding in function.get_bindings()
        if binding.type in ("timerTrigger", "queueTrigger")
        and not str(binding.get_dict_repr().get("queueName")).endswith("-poison")
    }
    assert len(nobody_calls) >= 5
    quiet = nobody_calls | {"health"}
    wanted = {f"Function.{name}": "Warning" for name in quiet}
    wanted |= {f"Function.{name}.User": "Information" for name in quiet}
    assert {name: level for name, level in levels.items() if name.startswith("Function.")} == wanted
    assert levels["Host.Results"] == "Information"


def test_functions_that_are_kept_ready_are_functions_of_the_app_with_a_queue() -> None:
    """The platform takes any name, and keeps an instance that nothing uses."""
    queues = {
        function.get_function_name(): str(binding.get_dict_repr().get("queueName"))
        for function in builders()
        for binding in function.get_bindings()
        if binding.type == "queueTrigger"
    }
    text = module("gateway")
    kept = re.findall(r"\{ name: 'function:(\w+)', instanceCount: alwaysReadyMailInstances \}", text)
    assert [queues[name] for name in kept] == [POLL_QUEUE, DELIVERY_QUEUE]
    assert "{ name: 'http', instanceCount: alwaysReadyInstances }" in text
    assert "alwaysReady: concat(httpAlwaysReady, mailAlwaysReady)" in text
    for name in ("alwaysReadyInstances", "alwaysReadyMailInstances"):
        assert f"    {name}: {name}\n" in MAIN
        assert f"= {name} == 0" in text
        assert parameters()[name].default == "0"


def test_azd_finds_the_app_and_the_hook() -> None:
    text = (ROOT / "azure.yaml").read_text()
    service = re.search(r"^services:\n  (\w+):", text, flags=re.MULTILINE)
    assert service
    assert f"'azd-service-name': '{service[1]}'" in MAIN
    runs = re.findall(r"^      run: (.+)$", text, flags=re.MULTILINE)
    after, after_on_windows, before, before_on_windows = runs
    assert (after_on_windows, before_on_windows) == (
        after.replace("python3", "python"),
        before.replace("python3", "python"),
    )
    steps = [each.split() for run in runs for each in run.split(" && ")]
    assert all((ROOT / script).is_file() for _, script, *_ in steps)
    assert [step[1:] for step in steps[:3]] == [
        ["infra/hooks/roles.py", "show"],
        ["infra/hooks/state_key.py"],
        ["infra/hooks/roles.py", "give-up"],
    ]
    assert before == "python3 infra/hooks/roles.py wait"


def test_sign_in_in_front_refuses_who_brings_no_token_and_lets_probes_through() -> None:
    """Whoever is not named as a caller is refused, too; the documents name each part for those who do it by hand."""
    text = module("gateway").partition("resource signIn ")[2].partition("\nresource ")[0]
    for part in (
        "if (!empty(signInClientId))",
        "requireAuthentication: signInRequired",
        "unauthenticatedClientAction: signInRequired ? 'Return401' : 'AllowAnonymous'",
        "excludedPaths: ['/api/health']",
        "allowedApplications: allowedCallers",
    ):
        assert part in text
    assert "param signInRequired bool = true" in (ROOT / "infra/main.bicep").read_text()
    assert "comesItself ? union([signInClientId], signInCallers) : signInCallers" in module("gateway")
    security = (ROOT / "docs/security.md").read_text()
    assert "SIGN_IN_CLIENT_ID" in security
    assert "`/api/health`" in security


def test_the_log_has_a_cap_and_an_alert_that_works_when_it_is_reached() -> None:
    """The alert looks at the workspace's own table, which is written beyond the cap; all others are blind then."""
    assert "workspaceCapping: { dailyQuotaGb: dailyCapGb }" in module("monitoring")
    cap = module("alerts").partition("resource cap ")[2]
    assert "scopes: [workspace.id]" in cap
    assert "_LogOperation" in cap
    assert "## The log reached its cap" in (ROOT / "docs/operations.md").read_text()


def test_reads_of_mails_are_recorded_unless_turned_off() -> None:
    storage = module("storage")
    assert parameters()["storageAudit"].default == "blobs"
    assert "if (audit != 'off') {\n  name: 'audit'\n  scope: blobs" in storage
    for service in ("queueService", "tableService"):
        assert f"if (audit == 'all') {{\n  name: 'audit'\n  scope: {service}" in storage
    assert (
        storage.count("{ category: 'StorageRead', enabled: true }, { category: 'StorageDelete', enabled: true }") == 3
    )


def test_roles_can_be_left_out_and_each_has_its_command() -> None:
    roles = module("roles")
    made = re.findall(r"for role in (\w+): if \(isAssigned\) \{", roles)
    commands = re.findall(r"^var \w+Commands = \[for role in (\w+): ", roles, flags=re.MULTILINE)
    assert made == commands == ["onStorage", "onComponent", "onVault"]
    made = re.findall(r"for \(name, index\) in (\w+): if \(isAssigned\) \{", roles)
    commands = re.findall(r"for \(name, index\) in (\w+): '\$\{gatewayWith\}", roles)
    assert made == commands == ["serviceBusNamespaces", "eventGridTopics"]
    assert len(re.findall(r"roleAssignments@", roles)) == len(re.findall(r"if \(isAssigned", roles)) == 6
    for name in ("ROLES_ASSIGNED", "ROLE_COMMANDS", "DEPLOYER_ROLE_COMMANDS", "DEPLOYER_ROLE_ID"):
        assert f"output {name} " in MAIN
        assert name in "".join((ROOT / f"infra/hooks/{each}.py").read_text() for each in ("roles", "state_key"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_pinned_and_hold_no_secret(path: object) -> None:
    text = (ROOT / str(path)).read_text()
    for used in re.findall(r"uses: (?!\./)(.+)$", text, flags=re.MULTILINE):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), used
    assert "secrets." not in text
    assert re.search(r"^permissions:\n  contents: read$", text, flags=re.MULTILINE)


def test_ci_runs_what_a_person_runs() -> None:
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    assert "run: .ci/run" in text
    assert f'python-version: "{(ROOT / ".python-version").read_text().strip()}"' in text
    for command in ("build --file", "lint --file", "format --file", "build-params --file"):
        assert f"az bicep {command}" in text
    assert f"az bicep install --version v{COMPILER}" in text
