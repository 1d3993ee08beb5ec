"""Values of a flow's expressions after some of its steps, without an engine: the steps are run by the test."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from devkit.flow_runs.values import NO_ITEM, Scope, evaluate


@dataclass
class Values:
    """What the steps of one run gave: the trigger's outputs, and outputs by the name of the step."""

    trigger: Any
    outputs: dict[str, Any] = field(default_factory=dict)
    loop: str = "For_each_file"

    def read(self, template: Any, item: Any = NO_ITEM) -> Any:
        """Return a value of the definition; `item` is the member of a list, or the loop's item, that it is about."""
        actions = {name: {"name": name, "outputs": outputs} for name, outputs in self.outputs.items()}
        scope = Scope(
            now=datetime.now(UTC),
            trigger={"outputs": self.trigger},
            actions=actions,
            item=item,
            items={self.loop: item},
        )
        return evaluate(template, scope)

    def run_data_step(self, name: str, step: Mapping[str, Any]) -> Any:
        """Run a step that only works on data, and return its result: Query, Select or Compose."""
        inputs = step["inputs"]
        if step["type"] == "Compose":
            self.outputs[name] = self.read(inputs)
            return self.outputs[name]
        members = self.read(inputs["from"])
        if step["type"] == "Query":
            result = [one for one in members if self.read(inputs["where"], one)]
        else:
            assert step["type"] == "Select"
            result = [self.read(inputs["select"], one) for one in members]
        self.outputs[name] = {"body": result}
        return result
