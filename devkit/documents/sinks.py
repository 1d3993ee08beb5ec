"""The options of each kind of sink in docs/sinks.md; a kind without a section there gets one."""

from devkit.documents.blocks import Texts, make_table
from inbound_mail.sinks import KINDS
from inbound_mail.sinks._options import Option

_PATH = "docs/sinks.md"


def write(texts: Texts) -> None:
    """Write the table of each kind."""
    for name, kind in KINDS.items():
        block = f"options of {name}"
        if f"\n## {name}\n" not in texts.read(_PATH):
            marks = f"<!-- begin {block} -->\n<!-- end {block} -->\n"
            texts.put(_PATH, f"{texts.read(_PATH).rstrip()}\n\n## {name}\n\n{marks}")
        rows = [(f"`{each}`", _show_usual(option), option.text) for each, option in kind.options.items()]
        texts.put_block(_PATH, block, make_table(("Option", "Usual", "Meaning"), rows))


def _show_usual(option: Option) -> str:
    if option.needed:
        return "needed"
    return "none" if option.usual in (None, ()) else f"`{option.usual}`"
