"""`python3 -m devkit bench [NAME ...]`: run the benchmarks and print their tables."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bench import NAMES


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="bench", description="Run the benchmarks and print their tables.")
    add_arguments(parser)
    return run_chosen(parser.parse_args(arguments))


def run_chosen(options: argparse.Namespace) -> int:
    """Run the benchmarks that the options name, or all; return 2 for a name that is none."""
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        sys.stderr.write(f"There is no benchmark {unknown[0]}. There are: {', '.join(NAMES)}\n")
        return 2
    for name in options.names or NAMES:
        benchmark = import_module(f"bench.{name}")
        if name == "mail_cost":
            benchmark.run(against=options.against)
        else:
            benchmark.run()
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options, and describe each benchmark by the first line of its module."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    width = max(map(len, NAMES))
    lines = "\n".join(f"  {name:{width}}  {_read_first_line(name)}" for name in NAMES)
    parser.epilog = f"benchmarks (bench/README.md has their results):\n{lines}"
    parser.add_argument("names", nargs="*", metavar="NAME", help="those to run; none: all of them")
    parser.add_argument(
        "--against", type=Path, metavar="FOLDER", help="another checkout, which mail_cost measures first, in one table"
    )


def _read_first_line(name: str) -> str:
    text = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    return text.split('"""')[1].partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
