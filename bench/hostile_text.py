"""CPU and memory for reading and rendering a mail of 34 MB, which is about the largest that Exchange Online takes.

Each text is read in a new process: is the mail to be asked for files, is it automatic, is it a copy, and how does a
ticket show it, pictures included. The mail itself is loaded before, and the libraries have rendered a small one.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.harness import ROOT
from inbound_mail.content.models import InboundMail
from inbound_mail.content.rendering import may_have_history, render_mail
from inbound_mail.content.screening import screen_mail
from inbound_mail.ledger.mail_store import may_have_files
from inbound_mail.ledger.references import identity_digest

GOAL_SECONDS, GOAL_MIB = 2.0, 150
SIZE = 34_000_000
_MIB = 1024 * 1024


def _fill(piece: str, size: int) -> str:
    return piece * max(1, size // len(piece.encode()))


def _inside(before: str, piece: str, after: str = "") -> Callable[[int], str]:
    return lambda size: before + _fill(piece, size - len(before) - len(after)) + after


# A text of about this many bytes; the second half of the list is hostile as HTML only.
TEXTS: Mapping[str, Callable[[int], str]] = {
    'quotation marks `"`': _inside("", '"'),
    "lines of one letter": _inside("", "a\n"),
    "quoted lines of one letter": _inside("", "> a\n"),
    "blank lines": _inside("", "\n"),
    "dashes": _inside("", "-"),
    "emoji": _inside("", "😀"),
    "letters after one emoji": _inside("😀", "a"),
    "paragraphs `<p>a</p>`": _inside("", "<p>a</p>"),
    "`<`": _inside("", "<"),
    "`&#38;`": _inside("", "&#38;"),
    "one reference with a number of millions of digits": _inside("&#", "9"),
    "pictures": _inside("", '<img src="cid:a@b">'),
    "different pictures": lambda size: "".join(f'<img src="cid:{number}">' for number in range(size // 22)),
    "pictures in a signature": _inside('<div class="gmail_signature">', '<img src="cid:a@b">'),
    "pictures in signatures in signatures": _inside('<div class="signature">' * 230, '<img src="cid:a@b">'),
    "one picture of 34 MB inside the text": _inside('<img src="data:image/png;base64,', "A", '">'),
    "small pictures inside the text": _inside("", '<img src="data:image/png;base64,AAAA">'),
    "links": _inside("", '<a href="https://x.example/">a</a>'),
    "links in links": _inside('<a href="https://x.example/">a' * 230, "a "),
    "tables in tables": _inside("<table><tr><td>" * 75, "<tr><td>a</td></tr>"),
    "tables": _inside("", "<table><tr><td>a</td><td>b</td></tr></table>"),
    "quotes in quotes": _inside('<blockquote type="cite">' * 230, "a<br>"),
    "tags that do not end": _inside("", "<div>"),
    "attributes of one tag": _inside("<p ", "a=b "),
    "styles": _inside("", '<p style="display : none">a</p>'),
    "comments": _inside("", "<!--a-->"),
}


def run(size: int = SIZE, texts: Mapping[str, Callable[[int], str]] = TEXTS) -> None:
    """Measure and print."""
    print(f"{size / 1e6:.0f} MB; CPU and growth of the peak; goal: at most {GOAL_SECONDS} s and {GOAL_MIB} MiB")
    for name in texts:
        figures = "  ".join(f"{kind}: {_measure(name, kind, size)}" for kind in ("text", "html"))
        print(f"  {name:52} {figures}")
    print()


def _measure(name: str, kind: str, size: int) -> str:
    command = [sys.executable, "-m", "bench.hostile_text", name, kind, str(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, mib = json.loads(done.stdout)
    is_good = seconds <= GOAL_SECONDS and mib <= GOAL_MIB
    return f"{seconds:5.2f} s {mib:4.0f} MiB{'' if is_good else ' (over)'}"


def _read(message: dict[str, Any]) -> None:
    mail = InboundMail("support", "support@contoso.com", "0", message)
    may_have_files(message)
    identity_digest(message)
    screen_mail(mail, ["support@contoso.com"])
    may_have_history(mail, render_mail(mail))


def _make_message(content: str, kind: str) -> dict[str, Any]:
    return {
        "id": "1",
        "subject": "RE: Printer",
        "internetMessageId": "<1@x.example>",
        "from": {"emailAddress": {"address": "lee.gu@contoso.com"}},
        "internetMessageHeaders": [{"name": "Content-Type", "value": f"text/{kind}"}],
        "body": {"contentType": kind, "content": content},
    }


def _measure_here(name: str, kind: str, size: int) -> None:
    """Print the CPU seconds, and the growth of the peak in MiB, of reading one mail in this process."""
    message = _make_message(TEXTS[name](size), kind)
    _read(_make_message("<p>Hello <img src='cid:a'></p>", kind))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, began = _peak(), time.process_time()
    _read(message)
    print(json.dumps([time.process_time() - began, (_peak() - before) / _MIB]))


def _peak() -> int:
    """Return the peak of this process's resident memory in bytes (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    _measure_here(sys.argv[1], sys.argv[2], int(sys.argv[3]))
