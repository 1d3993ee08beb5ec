"""The figures of `bench.mail_cost` as last measured, their goals, and the prices of a mailbox's month.

The counts of requests are upper bounds, too: `tests/functional/test_mail_cost.py` holds them. After a change for the
better, run `python3 -m devkit bench mail_cost`, write the new figures here, and run `python3 -m devkit docs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_LARGE = 50


@dataclass(frozen=True)
class Figure:
    """One line of the benchmark's table: the figure that was measured last, and the goal."""

    measured: float
    goal: float
    unit: str = ""

    def show(self, value: float) -> str:
        """Return a value with the unit."""
        digits = 0 if value >= _LARGE or value == int(value) else 1
        return f"{value:.{digits}f} {self.unit}".rstrip()


@dataclass(frozen=True)
class Work:
    """What one mail, or one poll of a quiet mailbox, asks of storage by kind, and logs: records and bytes of text."""

    storage: Mapping[str, float]
    records: float
    size: float

    @property
    def requests(self) -> float:
        """All requests to storage."""
        return sum(self.storage.values())


MAIL = Work(
    {
        "table reads": 0.62,
        "table transactions": 0.61,
        "table writes": 0.06,
        "blob writes": 1.44,
        "blob reads": 0.2,
        "messages": 0.11,
        "blob leases": 0.03,
    },
    records=1.01,
    size=109,
)
POLL = Work(
    {"table reads": 1, "table writes": 1},
    records=1,
    size=91,
)
PROBE = Work({}, records=0, size=0)
"""A call to `health`, which logs nothing and asks nobody."""
FIGURES = {
    "storage requests per mail, one sink": Figure(MAIL.requests, 4),
    "storage requests per idle poll": Figure(POLL.requests, 2),
    "bytes of log per mail": Figure(MAIL.size, 600),
    "bytes of log per idle poll": Figure(POLL.size, 150),
    "CPU per mail, local host included": Figure(8.9, 15, "ms"),
    "CPU per idle poll, local host included": Figure(9.5, 10, "ms"),
    "wall for 200 mails": Figure(6.1, 8.6, "s"),
    "requests to Graph per 100 mails": Figure(9, 9),
    "one list over the local host, beyond direct": Figure(6.6, 3, "ms"),
}


@dataclass(frozen=True)
class Price:
    """US dollars for a number of units."""

    dollars: float
    per: float
    what: str
    source: str

    def of(self, units: float) -> float:
        """Return what some units cost."""
        return units / self.per * self.dollars


_STORAGE = "https://azure.microsoft.com/pricing/details/storage/"
_FUNCTIONS = "https://azure.microsoft.com/pricing/details/functions/"
LOG = Price(2.30, 1e9, "GB of log", "https://azure.microsoft.com/pricing/details/monitor/")
TABLES = Price(0.00036, 10_000, "10,000 requests to tables", f"{_STORAGE}tables/")
QUEUES = Price(0.004, 10_000, "10,000 requests to queues", f"{_STORAGE}queues/")
BLOB_WRITES = Price(0.05, 10_000, "10,000 writes of blobs", f"{_STORAGE}blobs/")
BLOB_READS = Price(0.004, 10_000, "10,000 other requests to blobs, leases among them", f"{_STORAGE}blobs/")
MEMORY = Price(0.000026, 1, "GB-second of an instance of Flex Consumption", _FUNCTIONS)
RUNS = Price(0.40, 1e6, "million runs of functions", _FUNCTIONS)
PRICES = (LOG, TABLES, QUEUES, BLOB_WRITES, BLOB_READS, MEMORY, RUNS)

_PRICE_OF_KIND = {
    "table reads": TABLES,
    "table transactions": TABLES,
    "table writes": TABLES,
    "blob writes": BLOB_WRITES,
    "blob reads": BLOB_READS,
    "blob leases": BLOB_READS,
    "messages": QUEUES,
}

MONTH_SECONDS = 730 * 3600
POLLS_A_MONTH = 730 * 12  # those of a mailbox that is quiet nearly always, five minutes apart
MAILS_A_MONTH = 1000
PROBE_SECONDS = (5, 30, 300)
RECORD_BYTES = 1000
"""What a row of a log table holds beside its text: an estimate; the column `_BilledSize` has the truth."""
RECORDS_OF_A_RUN = 1
"""The row in `requests`."""
HOST_REQUESTS_PER_MESSAGE = 2
"""The host receives each message, and deletes it."""
BILLED_SECONDS = 1.0
"""The least time of an instance for which Flex Consumption bills."""
INSTANCE_GB = 2.0


@dataclass(frozen=True)
class MonthlyCost:
    """US dollars."""

    log_bytes: float
    log: float
    storage_requests: float
    storage: float
    gb_seconds: float
    compute: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.log + self.storage + self.compute


def compute_monthly_cost(work: Work, times: int) -> MonthlyCost:
    """Return what some work costs that is done so many times, each in a run of its own."""
    log_bytes = times * (work.size + (work.records + RECORDS_OF_A_RUN) * RECORD_BYTES)
    of_the_host = times * work.storage.get("messages", 0) * HOST_REQUESTS_PER_MESSAGE
    storage = sum(_PRICE_OF_KIND[kind].of(times * number) for kind, number in work.storage.items())
    gb_seconds = times * BILLED_SECONDS * INSTANCE_GB
    return MonthlyCost(
        log_bytes,
        LOG.of(log_bytes),
        times * work.requests + of_the_host,
        storage + QUEUES.of(of_the_host),
        gb_seconds,
        MEMORY.of(gb_seconds) + RUNS.of(times),
    )
