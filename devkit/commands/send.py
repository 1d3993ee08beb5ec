"""Drop mails into a mailbox of the running simulator: files with MIME, or three samples.

The samples are a plain mail, an answer to the sample desk's open ticket, and one with a picture in its text, a PDF and
a log.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from devkit.running import NothingRunsError, find_running

if TYPE_CHECKING:
    import requests

PASSES_ON = False
_SECONDS = 60


class NotSentError(Exception):
    """A mail could not be dropped; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.eml", help="mails as MIME")
    parser.add_argument(
        "--to", metavar="ADDRESS", help="the mailbox; default: the first of the sample world, support@contoso.com"
    )
    parser.add_argument("--demo", action="store_true", help="send three sample mails")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Put the mails into the mailbox and print each; return 0 once all are there."""
    try:
        _send(options)
    except (NothingRunsError, NotSentError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _send(options: argparse.Namespace) -> None:
    import requests

    from twin.seeds.mails import SUPPORT

    running = find_running()
    control_url = running.control_url
    if control_url is None:
        raise NotSentError("The app runs against a real tenant: send it a real mail.")
    if not options.files and not options.demo:
        raise NotSentError("Nothing to send: name a file, or use --demo.")
    address = options.to or SUPPORT
    url = f"{control_url}/mail/mailboxes/{quote(address, safe='@')}/messages"
    with requests.Session() as session:
        session.trust_env = False
        for sending in _read_mails(options.files, demo=options.demo):
            _describe(_drop(session, url, sending), address)
    print(f"What becomes of it: {running.base_url}/api/console#/mails")


def _read_mails(files: Sequence[Path], *, demo: bool) -> Iterator[Mapping[str, Any]]:
    """Yield what to send, as arguments of requests: every file is read before the first one goes."""
    try:
        contents = [path.read_bytes() for path in files]
    except OSError as error:
        raise NotSentError(f"{error.filename}: {error.strerror}") from error
    for content in contents:
        yield {"data": content, "headers": {"Content-Type": "message/rfc822"}}
    if not demo:
        return
    from twin.seeds.mails import make_demo

    for wish in make_demo():
        yield {"json": wish}


def _drop(session: "requests.Session", url: str, sending: Mapping[str, Any]) -> dict[str, Any]:
    import requests

    try:
        answer = session.post(url, timeout=_SECONDS, **sending)
    except requests.RequestException as error:
        raise NotSentError(f"The simulator does not answer: {error}") from error
    if answer.status_code != requests.codes.created:
        raise NotSentError(f"The simulator did not take it: {answer.text}")
    mail: dict[str, Any] = answer.json()
    return mail


def _describe(mail: Mapping[str, Any], address: str) -> None:
    sender = (mail["from"] or {}).get("emailAddress", {}).get("address") or "nobody"
    count = len(mail["attachments"])
    hanging = f", {count} attachment{'s' if count > 1 else ''}" if count else ""
    print(f"{address}/{mail['folder']}: {mail['subject'] or '(no subject)'!r} from {sender}{hanging}")
