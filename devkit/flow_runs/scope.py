"""What the expressions of one place of a run can read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

NO_ITEM = object()

type Record = Mapping[str, Any]  # of an action or trigger: name, status, inputs, outputs, and error if it failed


@dataclass(frozen=True)
class Scope:
    """What expressions can read; `dataclasses.replace` makes the scope of a place below."""

    now: datetime  # aware
    parameters: Mapping[str, Any] = field(default_factory=dict)
    trigger: Record = field(default_factory=dict)
    actions: Mapping[str, Record] = field(default_factory=dict)  # those that ended, skipped ones included
    results: Mapping[str, Sequence[Record]] = field(default_factory=dict)  # by scope, loop or condition: what is in it
    variables: Mapping[str, Any] = field(default_factory=dict)
    items: Mapping[str, Any] = field(default_factory=dict)  # by loop: its current item
    indexes: Mapping[str, int] = field(default_factory=dict)  # by Until loop: its current turn
    item: Any = NO_ITEM  # of the innermost loop, Select or Query
    workflow: Mapping[str, Any] = field(default_factory=dict)
    reads_both_branches: bool = False  # of `if`: a failure in the branch that is not chosen fails the step
