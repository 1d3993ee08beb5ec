"""What mailboxes, queues and probes cost a month, in docs/telemetry.md; figures of benchmarks in bench/README.md."""

import json

from bench import cost_figures as figures
from bench import push_figures
from devkit.documents.blocks import Texts, make_table
from devkit.host.settings import parse_time_span


def write(texts: Texts) -> None:
    """Write the tables."""
    for name, lines in (("mail_cost", figures.FIGURES), ("push", push_figures.FIGURES)):
        rows = [(what, one.show(one.measured), one.show(one.goal)) for what, one in lines.items()]
        texts.put_block(
            "bench/README.md", f"figures of {name}", make_table(("Figure", "Measured", "Goal: at most"), rows)
        )
    texts.put_block("docs/telemetry.md", "cost of a mailbox", _describe_month())
    queues = json.loads(texts.read("host.json"))["extensions"]["queues"]
    texts.put_block("docs/telemetry.md", "cost of idle queues", _describe_idle_queue(queues["maxPollingInterval"]))
    texts.put_block("docs/telemetry.md", "cost of a probe", _describe_probe())
    prices = [(one.what, f"{one.dollars:f}".rstrip("0"), f"<{one.source}>") for one in figures.PRICES]
    texts.put_block("docs/telemetry.md", "prices", make_table(("For", "US dollars", "Source"), prices))


def _describe_month() -> list[str]:
    polls = figures.compute_monthly_cost(figures.POLL, figures.POLLS_A_MONTH)
    mails = figures.compute_monthly_cost(figures.MAIL, figures.MAILS_A_MONTH)
    rows = [
        (
            "Log",
            f"{polls.log_bytes / 1e6:.0f} MB: {polls.log:.2f}",
            f"{mails.log_bytes / 1e6:.1f} MB: {mails.log:.3f}",
            f"{polls.log + mails.log:.2f}",
        ),
        (
            "Storage",
            f"{polls.storage_requests:,.0f} requests: {polls.storage:.2f}",
            f"{mails.storage_requests:,.0f} requests: {mails.storage:.3f}",
            f"{polls.storage + mails.storage:.2f}",
        ),
        (
            "Compute",
            f"{polls.gb_seconds:,.0f} GB-s: {polls.compute:.2f}",
            f"{mails.gb_seconds:,.0f} GB-s: {mails.compute:.3f}",
            f"{polls.compute + mails.compute:.2f}",
        ),
        ("Together", f"{polls.total:.2f}", f"{mails.total:.3f}", f"{polls.total + mails.total:.2f}"),
    ]
    heads = (
        "US dollars a month",
        f"{figures.POLLS_A_MONTH:,} polls",
        f"{figures.MAILS_A_MONTH:,} mails",
        "One mailbox",
    )
    return make_table(heads, rows)


def _describe_idle_queue(interval: str) -> list[str]:
    seconds = parse_time_span(interval).total_seconds()
    looks = figures.MONTH_SECONDS / seconds
    return make_table(
        ("An idle queue whose function's instance lives for a month", "Requests", "US dollars"),
        [(f"is looked at every {seconds:g} s", f"{looks:,.0f}", f"{figures.QUEUES.of(looks):.2f}")],
    )


def _describe_probe() -> list[str]:
    rows = []
    for seconds in figures.PROBE_SECONDS:
        calls = figures.MONTH_SECONDS // seconds
        month = figures.compute_monthly_cost(figures.PROBE, calls)
        log, compute = f"{month.log_bytes / 1e6:,.0f} MB: {month.log:.2f}", f"{month.compute:.2f}"
        rows.append((f"each {seconds} s", f"{calls:,}", log, compute, f"{month.total:.2f}"))
    heads = ("A probe of `health`, US dollars a month", "Calls", "Log", "Compute", "Together")
    return make_table(heads, rows)
