"""A file of a mail that can be handed out: it lies in a blob."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.storage.blobs import Container


@dataclass(frozen=True)
class MailFile:
    """Where the bytes of a file are, how many, and the name under which it is saved, which is safe everywhere."""

    container: Container
    blob: str
    size: int
    name: str

    def open(self, *, offset: int, length: int) -> Iterator[bytes]:
        """Yield a part of its bytes."""
        if not length:
            return iter(())
        chunks = self.container.read(self.blob, offset=offset, length=length)
        if chunks is None:
            raise LookupError(f"the blob {self.blob} is not there")
        return chunks
