"""What is wrong with the settings. Apart from what reads them, because every function knows this error."""

import re
from dataclasses import dataclass

from shared.errors import ConfigurationError


@dataclass(frozen=True)
class Fault:
    """One wrong setting: its name and a sentence that says what to do.

    The name leads to a part of the setting, such as SINKS.desk.url: it holds names that an administrator chose.
    """

    setting: str
    message: str

    @property
    def app_setting(self) -> str:
        """The name of the app setting alone, which may be told to anybody."""
        return re.split(r"[.[]", self.setting, maxsplit=1)[0]


class SettingsError(ConfigurationError):
    """The settings are wrong; `faults` lists every one of them."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(
            "The gateway's settings are wrong. An administrator finds the faults in the log and at GET health.",
            detail="; ".join(f"{fault.setting}: {fault.message}" for fault in faults),
        )
        self.faults = faults
