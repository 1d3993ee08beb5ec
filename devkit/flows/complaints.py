"""Complaints of checks."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Complaint:
    """One fault: in which flow or file, of which kind, where exactly, and what is wrong."""

    flow: str
    rule: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.flow}: {self.place}: {self.message} [{self.rule}]"
