"""Reads the settings in a file like local.settings.sample.json."""

import json
from pathlib import Path

from shared.settings.json_fields import explain_json_fault


class SettingsFileError(Exception):
    """The file holds no settings; the message says where it is wrong, and quotes nothing of it."""


def read_settings_file(path: Path) -> dict[str, str]:
    """Return the values of a settings file. Raises SettingsFileError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise SettingsFileError(f"{path} is not valid JSON, {explain_json_fault(error)}. Correct it there.") from None
    except (OSError, ValueError) as error:
        raise SettingsFileError(f"{path} cannot be read: {error}") from None
    values = found.get("Values") if isinstance(found, dict) else None
    if not isinstance(values, dict):
        raise SettingsFileError(f"{path} is not a settings file like local.settings.sample.json: it has no Values.")
    return {str(name): str(value) for name, value in values.items()}
