"""The figures of `bench.push` as last measured, and their goals.

After a change for the better, run `python3 -m devkit bench push`, write the new figures here, and run
`python3 -m devkit docs`.
"""

from bench.cost_figures import Figure

FIGURES = {
    "mail to ticket, median": Figure(1.5, 3, "s"),
    "mail to ticket, 95 of 100": Figure(2.4, 6, "s"),
    "requests to Graph per quiet mailbox and hour": Figure(1.6, 2),
    "effects of 1,000 forgeries and replays": Figure(0, 0),
    "answer of the receiving route at 200 requests/s, 95 of 100": Figure(3.4, 100, "ms"),
}
