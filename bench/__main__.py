"""`python3 -m devkit bench [NAME ...]`: run the benchmarks and print their tables."""

import sys
from collections.abc import Callable, Sequence

from bench import (
    first_answer,
    hostile_text,
    import_cost,
    large_attachment,
    mail_cost,
    mail_ingest,
    proxied_call,
    scale,
    slots,
)

BENCHMARKS: dict[str, Callable[[], None]] = {
    "import_cost": import_cost.run,
    "first_answer": first_answer.run,
    "proxied_call": proxied_call.run,
    "mail_cost": mail_cost.run,
    "mail_ingest": mail_ingest.run,
    "large_attachment": large_attachment.run,
    "scale": scale.run,
    "slots": slots.run,
    "hostile_text": hostile_text.run,
}


def main(names: Sequence[str]) -> int:
    """Run the named benchmarks, or all."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.stderr.write(f"There is no benchmark {unknown[0]}. There are: {', '.join(BENCHMARKS)}\n")
        return 2
    for name in names or BENCHMARKS:
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
