"""Behaviour of EasyVista that differs between instances, or that is not documented."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints


@dataclass
class Switches:
    """The switches of the EasyVista API; they apply to all instances.

    error_shape              "plain" {"error_code", "error"}, "code" {"code", "message"}, "nested" {"message": "<the
                             first as JSON text>"}: all three are seen (python client)
    write_status             status of every write that worked: 201 in the EasyVista wiki, 200 as measured
    counts                   record_count and total_record_count as "text" (measured) or "number" (EasyVista wiki)
    unknown_members          unknown members are ignored, or refused with 590
    dropped_fields           fields that are accepted and not stored, by name, as a profile may do without an error
    several_elements         a create with several elements is refused, or makes the first only (python client, tests)
    incomplete_create_stores a create that lacks a mandatory field answers 590, and writes the row anyway (measured)
    unknown_requestor        an unknown requestor is refused like an unknown recipient, or left blank
    create_loses_description a description given at creation is in neither memo (measured on one instance)
    update_description_to    the memo in which the `description` of an update lands (measured: the comment)
    closed_refuses           a closed ticket refuses tasks, actions, documents and updates
    tilde                    FIELD~"x": "pattern" with wildcards of its own (measured), "contains" (EasyVista wiki)
    domain_hides_tickets     an account that is confined to domains does not see tickets of others
    document_limit           most bytes of one file; None for no limit
    title_limit              most characters of a title; None for no limit
    workflow_actions         actions that the workflow of the catalog entry makes at once
    """

    error_shape: Literal["plain", "code", "nested"] = "plain"
    write_status: int = 201
    counts: Literal["text", "number"] = "text"
    unknown_members: Literal["ignore", "refuse"] = "ignore"
    dropped_fields: list[str] = field(default_factory=list)
    several_elements: Literal["refuse", "first"] = "refuse"
    incomplete_create_stores: bool = True
    unknown_requestor: Literal["refuse", "blank"] = "refuse"
    create_loses_description: bool = False
    update_description_to: Literal["comment", "description"] = "comment"
    closed_refuses: bool = True
    tilde: Literal["pattern", "contains"] = "pattern"
    domain_hides_tickets: bool = True
    document_limit: int | None = None
    title_limit: int | None = None
    workflow_actions: int = 3

    def set(self, wish: dict[str, Any]) -> None:
        """Set switches by name, all or none. ValueError for an unknown name or a value that does not fit."""
        hints = get_type_hints(type(self))
        for name, value in wish.items():
            if name not in hints:
                raise ValueError(f"no switch {name!r}; there are {', '.join(one.name for one in fields(self))}")
            if not _fits(hints[name], value):
                raise ValueError(f"{value!r} is no value for {name}")
        for name, value in wish.items():
            setattr(self, name, value)

    def drops(self, member: str) -> bool:
        """Whether a field of this lower-case name is accepted and not stored."""
        return member in {name.lower() for name in self.dropped_fields}


def _fits(hint: Any, value: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is list:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    kinds = get_args(hint) or (hint,)
    return any(type(value) is kind for kind in kinds)
