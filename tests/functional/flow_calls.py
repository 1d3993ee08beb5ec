"""What the steps of a sample flow ask the gateway, sent to the running app as the connector or the flow would send it.

Expressions are not evaluated: settings and fields of the trigger's item are looked up, and whatever else a flow
computes must stand in a table of the test, word for word. An expression that is in neither fails the test.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests

from devkit.flows.calls import build_request
from devkit.flows.connectors import GATEWAY, Connector, load_connectors
from devkit.flows.expressions import find_interpolations
from devkit.flows.sources import CONNECTED, FLOWS, Flow, Json, find_texts, load_flow
from tests.functional.conftest import Gateway

CONNECTORS = load_connectors()
PREFIX = "https://env.01.common.europe.azure-apihub.net/apim/gateway/0123456789abcdef"
_FIELD = re.compile(r"(?:triggerOutputs\(\)\?\['body/([\w/]+)'\]|triggerBody\(\)\?\['(\w+)'\])")
_SETTING = re.compile(r"parameters\('([^']+)'\)")
_ESCAPED_SETTING = re.compile(r"encodeURIComponent\(parameters\('([^']+)'\)\)")


@dataclass
class FlowCaller:
    """One flow with something chosen for each setting, an item of its trigger, and what its expressions give."""

    gateway: Gateway
    flow: Flow
    settings: Mapping[str, Any]
    item: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, Any] = field(default_factory=dict)

    def steps(self) -> dict[str, Json]:
        """Every step that calls the gateway, through the connector or straight."""
        steps = {step.name: step.action for step in self.flow.steps} | {self.flow.trigger[0]: self.flow.trigger[1]}
        return {name: step for name, step in steps.items() if step["type"] == "Http" or self._is_ours(step)}

    def fields(self) -> set[str]:
        """The properties of the trigger's item that any step reads."""
        texts = [text for _, text in find_texts(self.flow.definition["actions"])]
        return {(found[1] or found[2]).partition("/")[0] for text in texts for found in _FIELD.finditer(text)}

    def call(self, name: str) -> requests.Response:
        """Send the request of one step."""
        step = self.steps()[name]
        if step["type"] == "Http":
            return self._call_straight(step["inputs"])
        operation = _gateway().operations[step["inputs"]["host"]["operationId"]]
        given = {key: self.resolve(value) for key, value in step["inputs"].get("parameters", {}).items()}
        request = build_request(
            _gateway(), operation, given, lambda value, times: quote(str(value), safe="") if times == 1 else ""
        )
        return self.gateway.http.request(
            request.method,
            f"{self.gateway.base_url}/api{request.path}",
            params={key: value for key, value in request.queries.items() if value is not None},
            json=request.body,
            headers={"x-functions-key": self.gateway.key, "X-MS-APIM-Referrer-Prefix": PREFIX, **request.headers},
            timeout=60,
        )

    def resolve(self, value: Any) -> Any:
        """Return what a value of a step stands for."""
        if isinstance(value, list):
            return [self.resolve(each) for each in value]
        if not isinstance(value, str) or "@" not in value:
            return value
        if value.startswith("@") and not value.startswith("@{"):
            return self._look_up(value[1:])
        for start, end in reversed(find_interpolations(value)):
            value = value[:start] + str(self._look_up(value[start + 2 : end - 1])) + value[end:]
        return value

    def _look_up(self, expression: str) -> Any:
        if expression in self.known:
            return self.known[expression]
        if (found := _FIELD.fullmatch(expression)) is not None:
            value: Any = self.item
            for part in (found[1] or found[2]).split("/"):
                value = value[part]
            return value
        if (found := _SETTING.fullmatch(expression)) is not None:
            return self._setting(found[1])
        if (found := _ESCAPED_SETTING.fullmatch(expression)) is not None:
            return quote(str(self._setting(found[1])), safe="")
        raise AssertionError(f"{self.flow.name}: the test does not say what “{expression}” gives")

    def _setting(self, name: str) -> Any:
        return self.settings[self.flow.settings[name].short_name]

    def _call_straight(self, inputs: Json) -> requests.Response:
        headers = {key: self.resolve(value) for key, value in inputs["headers"].items()}
        return self.gateway.http.request(inputs["method"], self.resolve(inputs["uri"]), headers=headers, timeout=60)

    def _is_ours(self, step: Json) -> bool:
        if step["type"] not in CONNECTED:
            return False
        key = step["inputs"]["host"]["connectionName"]
        return bool(self.flow.references[key]["api"]["name"] == GATEWAY)


def open_flow(gateway: Gateway, name: str, settings: Mapping[str, Any], **more: Any) -> FlowCaller:
    """Take one of the sample flows."""
    return FlowCaller(gateway, load_flow(FLOWS / f"{name}.json"), settings, **more)


def _gateway() -> Connector:
    return CONNECTORS[GATEWAY]
