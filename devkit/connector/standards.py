"""Microsoft's coding standards and certification rules for connectors, as far as the usual lint leaves them out.

Sources, by their names in the documentation of custom connectors: coding-standards, connector-string-guidance,
certification-submission, certification-swagger-validator-rules (its rules have names such as ArrayDuplicateValue).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from devkit.connector import standard_calls, standard_lists, standard_references, standard_shapes, standard_texts
from devkit.flows.complaints import Complaint

type Json = Mapping[str, Any]
type Checked = Iterable[tuple[str, str | None]]  # a place, and what is wrong there, or None
type Rule = Callable[[Json], Checked]

_DEFINITION = "connector"
# Each rule of the definition by its name.
RULES: dict[str, Rule] = {
    "order": standard_texts.check_order,
    "restricted words": standard_texts.check_restricted_words,
    "full stops": standard_texts.check_full_stops,
    "triggers": standard_texts.check_triggers,
    "titles": standard_texts.check_titles,
    "English": standard_texts.check_english,
    "visibility": standard_texts.check_visibility,
    "keywords": standard_shapes.check_keywords,
    "unique values": standard_shapes.check_unique_values,
    "choices": standard_shapes.check_choices,
    "required members": standard_shapes.check_required,
    "bounds": standard_shapes.check_bounds,
    "empty objects": standard_shapes.check_empty_objects,
    "files": standard_shapes.check_files,
    "shared schemas": standard_shapes.check_shared_schemas,
    "shared parameters": standard_calls.check_shared_parameters,
    "answers": standard_calls.check_answers,
    "media types": standard_calls.check_media_types,
    "encodings": standard_calls.check_encodings,
    "references": standard_references.check_references,
    "lists to pick from": standard_lists.check_lists,
    "tags": standard_calls.check_tags,
    "status": standard_calls.check_status,
}
# Rules of the file beside it.
PROPERTIES_RULES: dict[str, Rule] = {
    "host": standard_calls.check_host_policy,
    "connection texts": standard_texts.check_connection_texts,
}


@dataclass
class Verdict:
    """How many places passed a rule, and the complaints about those that did not."""

    passed: int = 0
    complaints: list[Complaint] = field(default_factory=list)

    def add(self, rule: str, checked: Checked, name: str = _DEFINITION) -> None:
        """Count what a rule says of each place."""
        for place, message in checked:
            if message is None:
                self.passed += 1
            else:
                self.complaints.append(Complaint(name, rule, place, message))

    def __str__(self) -> str:
        return f"{self.passed} passed, {len(self.complaints)} failed"


def check_standards(definition: Json, properties: Json, text: str) -> Verdict:
    """Hold the definition, its `text` in the file and the file of properties against every rule."""
    verdict = Verdict()
    verdict.add("indentation", standard_texts.check_indentation(text))
    for name, rule in RULES.items():
        verdict.add(name, rule(definition))
    for name, rule in PROPERTIES_RULES.items():
        verdict.add(name, rule(properties))
    return verdict
