"""Write everything that an environment imports: connector, sample flows, packages, workflows.

First every flow is checked against the connector's definition, and then what was built; nothing is written while there
is a complaint. With --check, flows of your own are checked and nothing is written. With --certification, what an
independent publisher hands in to Microsoft is written, too.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from devkit.bootstrap import ROOT
from devkit.flows.errors import FlowFileError, WishError

if TYPE_CHECKING:
    from devkit.connector.standards import Verdict
    from devkit.flows.packing import Files
    from devkit.flows.publisher import Publisher

PASSES_ON = False
_NEXT = """\
Each connection asks for the gateway's host and a key. Data policies can block custom connectors by host pattern: if
yours do, let an administrator allow https://{host} (the definition's host) and https://YOUR-GATEWAY before the
import, or flows are turned off after it.
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


# What --certification needs, in the order of the fields of Publisher.
_PUBLISHER = {
    "publisher": ("NAME", "name of the person or organisation; several with commas"),
    "support-url": ("URL", "page where users get help"),
    "support-mail": ("ADDRESS", "mail address where users get help"),
    "website": ("URL", "page about the service"),
    "privacy-policy": ("URL", "privacy policy of the service"),
}


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
    submission = parser.add_argument_group("certification", "who submits; Microsoft publishes all of it")
    submission.add_argument("--certification", action="store_true", help="write certification.zip, too")
    for option, (metavar, meaning) in _PUBLISHER.items():
        submission.add_argument(f"--{option}", metavar=metavar, help=meaning)
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
    from devkit.flows.check import check_flows, load_format, recognise_gateway
    from devkit.flows.connectors import load_connectors
    from devkit.flows.sources import load_flow, load_flows

    flows = [load_flow(path) for path in paths] if paths else load_flows()
    connectors = recognise_gateway(flows, load_connectors())
    complaints = check_flows(flows, connectors, load_format(), are_shipped=not paths)
    for complaint in complaints:
        print(complaint)
    print(f"flows: {len(flows)}, complaints: {len(complaints)}")
    return 1 if complaints else 0


def _read_publisher(options: argparse.Namespace) -> "Publisher | None":
    """Return who submits, or None without --certification. Raises WishError if an option lacks or is needless."""
    given = {option: getattr(options, option.replace("-", "_")) for option in _PUBLISHER}
    if not options.certification:
        if needless := [f"--{option}" for option, value in given.items() if value]:
            raise WishError(f"{', '.join(needless)}: only --certification needs to know who submits.")
        return None
    if missing := [f"--{option}" for option, value in given.items() if not value]:
        raise WishError(f"Microsoft publishes who submits the connector: give {', '.join(missing)}, too.")
    from devkit.flows.publisher import Publisher

    return Publisher(*given.values())


def _check_standards(files: "Files", folder: str) -> "Verdict | None":
    """Hold the connector in a folder of the build against the coding standards; None if it was not built."""
    described = files.get(f"{folder}/apiDefinition.swagger.json")
    if described is None:
        return None
    from devkit.connector.standards import check_standards

    properties = json.loads(files[f"{folder}/apiProperties.json"])
    return check_standards(json.loads(described), properties, described.decode())


def _build(options: argparse.Namespace) -> int:
    from devkit.connector.document import HOST
    from devkit.flows.build import build_all, build_submission, load_sources
    from devkit.flows.check import check_flows, load_format
    from devkit.flows.check_certification import check_certification
    from devkit.flows.check_packages import check_built
    from devkit.flows.contents import list_contents
    from devkit.flows.names import make_identity

    publisher = _read_publisher(options)
    sources = load_sources()
    submission = build_submission(sources, publisher) if publisher else {}
    files = build_all(sources, options.connector_name, flows_on=options.flows_on)
    complaints = [*check_flows(sources.flows, sources.connectors, load_format()), *check_built(files)]
    if publisher:
        complaints += check_certification("certification.zip", submission["certification.zip"])
    files = {**files, **submission}
    verdicts = {folder: _check_standards(files, folder) for folder in ("connector", "certification")}
    complaints += [each for verdict in verdicts.values() if verdict for each in verdict.complaints]
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
    for folder, verdict in verdicts.items():
        if verdict is not None:
            print(f"{folder}: Microsoft's coding standards: {verdict}.")
    sys.stderr.write(_NEXT.format(host=HOST))
    sys.stderr.write(_TURNED_ON if options.flows_on else _TURNED_OFF)
    return 0
