"""Benchmarks: they print counts and ratios within one run. No test depends on their times."""

NAMES = (
    "first_ticket",
    "import_cost",
    "first_answer",
    "proxied_call",
    "mail_cost",
    "mail_delay",
    "mail_ingest",
    "push",
    "large_attachment",
    "scale",
    "event_deliveries",
    "slots",
    "console",
    "hostile_text",
)
"""Each is a module here with a function `run`, in the order in which all are run."""
