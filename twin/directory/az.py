"""A stand-in for the Azure CLI, signed in as a person of the simulated tenant; it can only print access tokens.

azure-identity's AzureCliCredential runs `az account get-access-token --output json --resource R [--tenant T]`.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

from twin.core.control import PREFIX

# Bare sockets: it is started for every token, and importing urllib would take longer than all else.
_PROGRAM = '''#!{python} -IS
"""Tokens of {user}, from the simulator."""
import socket, sys
given = sys.argv[1:]
options = dict(zip(given, given[1:]))
if given[:2] != ["account", "get-access-token"]:
    sys.exit("az: only `account get-access-token` is known here")
wish = '{{"user": "{user}", "resource": "%s", "tenant": "%s"}}'
body = wish % (options["--resource"], options.get("--tenant", ""))
head = "POST {path} HTTP/1.1\\r\\nhost: {host}:{port}\\r\\ncontent-type: application/json\\r\\nconnection: close\\r\\n"
with socket.create_connection(("{host}", {port}), timeout=9) as line:
    line.sendall((head + "content-length: %d\\r\\n\\r\\n" % len(body) + body).encode())
    answer = b"".join(iter(lambda: line.recv(65536), b"")).decode()
start, _, body = answer.partition("\\r\\n\\r\\n")
if start.split()[1] != "200":
    sys.exit("ERROR: Please run 'az login' to setup account.")
print(body)
'''


def install_az(folder: Path, loopback_url: str, user: str) -> Path:
    """Write an `az` into a folder, which the caller then puts first in PATH; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    address = urlsplit(loopback_url)
    program = folder / "az"
    path = f"{PREFIX}/directory/cli-token"
    program.write_text(
        _PROGRAM.format(python=sys.executable, user=user, host=address.hostname, port=address.port, path=path)
    )
    program.chmod(0o755)
    return folder
