"""Build workflows for Azure Logic Apps (Consumption): operations become requests, settings become parameters.

Each file is `{"definition", "parameters"}`; `workflow.bicep` beside them deploys one, and a `.bicepparam` file for each
says what to fill in.
"""

import copy
import json
import re
from pathlib import Path
from typing import Any

from devkit.flows.calls import build_request
from devkit.flows.connectors import Connector, Operation
from devkit.flows.packing import Files, write_json
from devkit.flows.rewriting import as_expression, replace_parameters, rewrite_actions, rewrite_texts, unfold_paths
from devkit.flows.sources import Flow, Json

TEMPLATE = Path(__file__).with_name("workflow.bicep")
_TYPES = {
    "OpenApiConnection": "ApiConnection",
    "OpenApiConnectionWebhook": "ApiConnectionWebhook",
    "OpenApiConnectionNotification": "ApiConnectionNotification",
}
_WHOLE_BODY = "triggerOutputs()?['body']"
_CALLBACK = "@{listCallbackUrl()}"
# Bicep reads a secret only where it is assigned to a parameter itself: inside an object that is its error BCP351.
_VAULT_CALL = "az.getSecret('SUBSCRIPTION', 'GROUP', 'VAULT', 'SECRET')"
_VAULT_NOTE = "The vault must be enabled for template deployment."
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w*")


def build_workflows(flows: list[Flow], connectors: dict[str, Connector]) -> Files:
    """Return the files of all workflows and what deploys them."""
    files: dict[str, bytes] = {TEMPLATE.name: TEMPLATE.read_bytes()}
    for flow in flows:
        files[f"{flow.name}.json"] = write_json(build_workflow(flow, connectors))
        files[f"{flow.name}.bicepparam"] = _write_values(flow)
    return files


def build_workflow(flow: Flow, connectors: dict[str, Connector]) -> Json:
    """Return a flow in the form of Logic Apps."""
    translate = _Translator(flow, connectors).translate
    definition = copy.deepcopy(flow.definition)
    name, trigger = flow.trigger
    definition["triggers"] = {name: translate(trigger)}
    definition["actions"] = rewrite_actions(definition["actions"], translate)
    names = {each.name: f"parameters('{each.short_name}')" for each in flow.settings.values()}
    definition = rewrite_texts(definition, lambda text: unfold_paths(replace_parameters(text, names)))
    definition["parameters"] = {"$connections": {"defaultValue": {}, "type": "Object"}} | {
        each.short_name: {"type": each.type, "metadata": {"description": each.description}}
        | ({} if each.is_secret else {"defaultValue": each.default})
        for each in flow.settings.values()
    }
    values = {each.short_name: {"value": each.default} for each in flow.settings.values() if not each.is_secret}
    connections = {key: {"connectionId": "", "connectionName": key, "id": ""} for key in flow.references}
    return {"definition": definition, "parameters": {"$connections": {"value": connections}, **values}}


class _Translator:
    """Turns steps of one flow from operations into requests."""

    def __init__(self, flow: Flow, connectors: dict[str, Connector]) -> None:
        self._flow = flow
        self._connectors = connectors

    def translate(self, step: Json) -> Json:
        """Return a trigger or action in the form of Logic Apps; kinds other than operations stay unchanged."""
        step = dict(step)
        if step["type"] not in _TYPES:
            if step["type"] == "Request":
                only_power_automate = ("triggerAuthenticationType",)
                step["inputs"] = {k: v for k, v in step["inputs"].items() if k not in only_power_automate}
            return step
        is_webhook = step["type"] == "OpenApiConnectionWebhook"
        step["type"] = _TYPES[step["type"]]
        step["inputs"] = self._ask(step["inputs"], is_webhook=is_webhook)
        if "splitOn" in step:
            step["splitOn"] = unfold_paths(step["splitOn"]).replace(_WHOLE_BODY, "triggerBody()")
        return step

    def _ask(self, inputs: Json, *, is_webhook: bool) -> Json:
        host = inputs["host"]
        connector = self._connectors[str(self._flow.references[host["connectionName"]]["api"]["name"])]
        operation = connector.operations[host["operationId"]]
        given = inputs.get("parameters", {}) | (_fill_webhook(connector, operation) if is_webhook else {})
        request = build_request(connector, operation, given, _escape)
        lists = {each["name"] for each in operation.parameters if each["in"] == "query" and each["type"] == "array"}
        request.queries |= {name: _join(value) for name, value in request.queries.items() if name in lists}
        found: Json = {"host": {"connection": {"name": _name_connection(str(host["connectionName"]))}}}
        if not is_webhook:
            found["method"] = request.method.lower()
        found["path"] = request.path
        for key, value in (("queries", request.queries), ("headers", request.headers), ("body", request.body)):
            if value:
                found[key] = value
        if "retryPolicy" in inputs:
            found["retryPolicy"] = inputs["retryPolicy"]
        return found


def _join(values: Any) -> str:
    """Return a list of a query as one text, separated by commas: requests of Logic Apps send a name once."""
    if isinstance(values, list):
        return ",".join(f"@{{{as_expression(each)}}}" if "@" in str(each) else str(each) for each in values)
    return f"@{{join({as_expression(values)}, ',')}}"


def _fill_webhook(connector: Connector, operation: Operation) -> dict[str, Any]:
    """Return the parts of a subscription that the engine adds: the callback address, and constants."""
    return {
        name: _CALLBACK if known.schema.get("x-ms-notification-url") else known.schema.get("default", "")
        for name, known in connector.list_inputs(operation).items()
        if known.is_internal
    }


def _name_connection(key: str) -> str:
    return f"@parameters('$connections')['{key}']['connectionId']"


def _escape(value: Any, times: int) -> str:
    expression = as_expression(value)
    if not expression.startswith("'") and not isinstance(value, str):
        expression = f"string({expression})"
    for _ in range(times):
        expression = f"encodeURIComponent({expression})"
    return f"@{{{expression}}}"


def _write_values(flow: Flow) -> bytes:
    lines = [
        f"// {flow.title}: {flow.description}",
        "using 'workflow.bicep'",
        "",
        f"param name = '{flow.name}'",
        f"param workflow = loadJsonContent('{flow.name}.json')",
        "",
        "// What the Azure portal shows of each connection of the resource group.",
        "param connections = {",
        *(
            f"  {_key(key)}: {{\n    connectionId: ''\n    connectionName: '{key}'\n    id: ''\n  }}"
            for key in flow.references
        ),
        "}",
        "",
    ]
    for each in flow.settings.values():
        if each.is_secret:
            name = each.short_name[0].lower() + each.short_name[1:]
            lines += [f"// {each.description} {_VAULT_NOTE}", f"param {name} = {_VAULT_CALL}", ""]
    lines.append("param settings = {")
    for each in flow.settings.values():
        if not each.is_secret:
            lines += [f"  // {each.description}"]
            lines += [f"  {each.short_name}: {{", f"    value: {_bicep_text(str(each.default))}", "  }"]
    return ("\n".join([*lines, "}"]) + "\n").encode()


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) else _bicep_text(name)


def _bicep_text(text: str) -> str:
    return "'" + json.dumps(text)[1:-1].replace("'", "\\'").replace("${", "\\${") + "'"
