"""The files of the connector: its definition, its readme's tables, and the headings of the makers' reference."""

from devkit.bootstrap import ROOT
from devkit.connector.document import build_files
from devkit.documents.blocks import Texts


def write(texts: Texts) -> None:
    """Write them."""
    for path, text in build_files().items():
        texts.put(path.relative_to(ROOT).as_posix(), text)
