"""Write everything that an environment imports: connector, sample flows, packages, workflows.

First every flow is checked against the connector's definition, and then what was built; nothing is written while there
is a complaint. With --check, flows of your own are checked and nothing is written.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from devkit.bootstrap import ROOT
from devkit.connector.document import HOST
from devkit.connector.standards import check_standards
from devkit.flows.build import WishError, build_all, load_sources
from devkit.flows.check import check_flows, load_format, recognise_gateway
from devkit.flows.check_packages import check_built
from devkit.flows.connectors import load_connectors
from devkit.flows.contents import list_contents
from devkit.flows.names import make_identity
from devkit.flows.sources import FlowFileError, load_flow, load_flows

PASSES_ON = False
_NEXT = f"""\
Each connection asks for the gateway's host and a key. Data policies can block custom connectors by host pattern: if
yours do, let an administrator allow https://{HOST} (the definition's host) and https://YOUR-GATEWAY before the import,
or flows are turned off after it.
"""
_TURNED_OFF = """\
Solutions hold their flows as turned off. Where they run already: an import turns the flows of its solution off and on
again, and an update is to leave each as it was, but flows that stayed off have been reported. List the flows that are
on before it, and look after it. --flows-on writes them as turned on, for environments in which all of them run.
"""
_TURNED_ON = """\
Solutions hold their flows as turned on: use them where all these flows run already. A first import with connections and
values starts them at once. List the flows that are on before an import, and look after it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--connector-name",
        metavar="shared_…",
        help="what the environment calls the connector, once it is there, for solutions that do not find it",
    )
    parser.add_argument(
        "--flows-on",
        action="store_true",
        help="write the flows of solutions as turned on, for an environment in which they run already",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "power-automate", metavar="FOLDER")
    parser.add_argument("--check", nargs="*", type=Path, metavar="FLOW.json", help="check only; none: the sample flows")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Check, build, check the result, write; return 1 if there are complaints, 2 if an option or a file is wrong."""
    try:
        if options.check is not None:
            return _check(options.check)
        return _build(options)
    except (WishError, FlowFileError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 2


def _check(paths: Sequence[Path]) -> int:
    flows = [load_flow(path) for path in paths] if paths else load_flows()
    connectors = recognise_gateway(flows, load_connectors())
    complaints = check_flows(flows, connectors, load_format(), are_shipped=not paths)
    for complaint in complaints:
        print(complaint)
    print(f"flows: {len(flows)}, complaints: {len(complaints)}")
    return 1 if complaints else 0


def _build(options: argparse.Namespace) -> int:
    sources = load_sources()
    files = build_all(sources, options.connector_name, flows_on=options.flows_on)
    described = files["connector/apiDefinition.swagger.json"].decode()
    verdict = check_standards(sources.files.definition, sources.files.properties, described)
    complaints = [*check_flows(sources.flows, sources.connectors, load_format()), *check_built(files)]
    complaints += verdict.complaints
    for complaint in complaints:
        sys.stderr.write(f"{complaint}\n")
    if complaints:
        sys.stderr.write(f"{len(complaints)} complaints; nothing was written.\n")
        return 1
    for name, content in files.items():
        target = options.output / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    identity = make_identity(str(sources.files.definition["info"]["title"]), options.connector_name)
    for each in list_contents(sources.flows, sources.connectors, identity):
        if each.file.startswith("solutions/"):
            print(each.line)
    print(
        f"{options.output}: {len(files)} files for {len(sources.flows)} flows; README.md there says what to import "
        "how, CONTENTS.md what each file needs."
    )
    print(f"Microsoft's coding standards for connectors: {verdict}.")
    sys.stderr.write(_NEXT)
    sys.stderr.write(_TURNED_ON if options.flows_on else _TURNED_OFF)
    return 0
