"""What is known of a kind of sink before one is used: its options, and how they are checked.

Apart from the sinks themselves, because the settings are checked at the first call of a process, whatever it is.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from inbound_mail.sinks._options import Option
from shared.settings.mail_settings import SinkSettings


@dataclass(frozen=True)
class Kind:
    """A kind of sink.

    `options` are the options of its entry in SINKS. `check` yields the faults of an entry, as (option, sentence).

    For the doctor: `check_sentence` is its message when `probe` succeeded. `needs` are its steps that must succeed
    before, as (name, about), besides those of the sink's secrets.
    """

    options: Mapping[str, Option]
    check: Callable[[SinkSettings], Iterable[tuple[str, str]]]
    check_sentence: str = "The sink answers and accepts the gateway's credential."
    needs: tuple[tuple[str, str], ...] = ()
