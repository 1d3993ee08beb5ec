"""The functions of expressions, by subject; each refuses what the platform refuses."""

from collections.abc import Callable, Sequence
from typing import Any

from devkit.flow_runs.failures import TemplateFailure
from devkit.flow_runs.functions import of_run
from devkit.flow_runs.scope import Scope
from devkit.flows.functions import FUNCTIONS

_OF_THE_RUN = {name.lower(): function for name, function in of_run.FUNCTIONS.items()}
_PURE: dict[str, Callable[..., Any]] = {}
_TAKES = {name.lower(): (name, *numbers) for name, numbers in FUNCTIONS.items()}


class UnknownFunctionError(LookupError):
    """A flow calls a function that cannot be called here: no verdict about the flow."""


def is_implemented(name: str) -> bool:
    """Say whether expressions can call this function here."""
    return name.lower() in _OF_THE_RUN or name.lower() in _PURE


def call_function(name: str, arguments: Sequence[Any], scope: Scope) -> Any:
    """Call a function. TemplateFailure if it refuses; UnknownFunctionError if it exists and is not known here."""
    if name.lower() not in _TAKES:
        raise TemplateFailure(f"The template function '{name}' is not defined or not valid.")
    full_name, least, most = _TAKES[name.lower()]
    if not least <= len(arguments) <= most:
        raise TemplateFailure(
            f"The template language function '{full_name}' expects {least} to {most} parameters, "
            f"it was invoked with {len(arguments)}."
        )
    if (of_the_run := _OF_THE_RUN.get(name.lower())) is not None:
        return of_the_run(scope, *arguments)
    if (pure := _PURE.get(name.lower())) is not None:
        return pure(*arguments)
    raise UnknownFunctionError(f"{full_name}() is a function of the language that devkit.flow_runs cannot call")
