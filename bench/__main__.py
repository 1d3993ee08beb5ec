"""`python3 -m devkit bench [NAME ...]`: run the benchmarks and print their tables."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import (
    event_deliveries,
    first_answer,
    hostile_text,
    import_cost,
    large_attachment,
    mail_cost,
    mail_delay,
    mail_ingest,
    proxied_call,
    push,
    scale,
    slots,
)

BENCHMARKS: dict[str, Callable[[], None]] = {
    "import_cost": import_cost.run,
    "first_answer": first_answer.run,
    "proxied_call": proxied_call.run,
    "mail_cost": mail_cost.run,
    "mail_delay": mail_delay.run,
    "mail_ingest": mail_ingest.run,
    "push": push.run,
    "large_attachment": large_attachment.run,
    "scale": scale.run,
    "event_deliveries": event_deliveries.run,
    "slots": slots.run,
    "hostile_text": hostile_text.run,
}


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="bench", description="Run the benchmarks and print their tables.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument(
        "--against", type=Path, metavar="FOLDER", help="another checkout, which mail_cost measures first, in one table"
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        sys.stderr.write(f"There is no benchmark {unknown[0]}. There are: {', '.join(BENCHMARKS)}\n")
        return 2
    for name in options.names or BENCHMARKS:
        if name == "mail_cost":
            mail_cost.run(against=options.against)
        else:
            BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
