"""The functions of expressions, by subject; each refuses what the platform refuses."""

from collections.abc import Sequence
from typing import Any

from devkit.flow_runs.failures import TemplateFailure, UnknownFunctionError
from devkit.flow_runs.functions import conversion, dates, lists, logic, numbers, of_run, texts
from devkit.flow_runs.scope import Scope
from devkit.flows.functions import FUNCTIONS

_OF_THE_RUN = {name.lower(): function for name, function in (of_run.FUNCTIONS | dates.OF_THE_RUN).items()}
_PURE = {
    name.lower(): function
    for module in (conversion, dates, lists, logic, numbers, texts)
    for name, function in module.FUNCTIONS.items()
}
_TAKES = {name.lower(): (name, *numbers) for name, numbers in FUNCTIONS.items()}


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
