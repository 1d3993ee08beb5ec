"""The table of the doctor's steps in docs/operations.md."""

from devkit.documents.blocks import Texts, make_table
from doctor.step_names import StepName


def write(texts: Texts) -> None:
    """Write the table."""
    rows = [(f"`{step}`", step.tried, step.fails) for step in StepName]
    heads = ("Step", "What is tried", "Fails, or warns, when")
    texts.put_block("docs/operations.md", "steps of the doctor", make_table(heads, rows))
