"""The parts of documents and configuration files that are written from the code.

`python3 -m devkit docs` writes them; `python3 -m devkit docs --check` says which of them are out of date.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from devkit.documents import (
    appointment_fields,
    bicep_types,
    broken_set_ups,
    connector_files,
    console_keys,
    doctor_table,
    error_tables,
    flow_settings,
    http_file,
    infrastructure,
    issues_table,
    mailbox_cost,
    permissions,
    routes,
    settings_tables,
    sinks,
)
from devkit.documents.blocks import Texts

_WRITERS: tuple[Callable[[Texts], None], ...] = (
    connector_files.write,
    http_file.write,
    console_keys.write,
    settings_tables.write,
    bicep_types.write,
    infrastructure.write,
    permissions.write,
    error_tables.write,
    routes.write,
    appointment_fields.write,
    sinks.write,
    doctor_table.write,
    issues_table.write,
    broken_set_ups.write,
    flow_settings.write,
    mailbox_cost.write,
)


def find_outdated(root: Path) -> Mapping[str, str]:
    """Return the files that are out of date, path -> the text that they should have. Raises MissingBlockError."""
    texts = Texts(root)
    for write in _WRITERS:
        write(texts)
    return texts.changed
