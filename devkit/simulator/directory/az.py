"""A stand-in for the Azure CLI: signed in as a person of the simulated tenant, and able to hand out tokens only.

azure-identity's AzureCliCredential runs `az account get-access-token --output json --resource R [--tenant T]`.
"""

import sys
from pathlib import Path

from devkit.simulator.core.control import PREFIX

_PROGRAM = '''#!{python} -IS
"""Tokens of {user}, from the simulator."""
import json, sys, urllib.error, urllib.request
given = sys.argv[1:]
options = dict(zip(given, given[1:]))
if given[:2] != ["account", "get-access-token"]:
    sys.exit("az: only `account get-access-token` is known here")
wish = {{"user": {user!r}, "resource": options["--resource"], "tenant": options.get("--tenant")}}
request = urllib.request.Request({url!r}, json.dumps(wish).encode(), {{"content-type": "application/json"}})
opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
try:
    print(opener.open(request, timeout=9).read().decode())
except urllib.error.HTTPError:
    sys.exit("ERROR: Please run 'az login' to setup account.")
'''


def install_az(folder: Path, loopback_url: str, user: str) -> Path:
    """Write an `az` into a folder, which then goes to the front of PATH; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "az"
    url = f"{loopback_url}{PREFIX}/directory/cli-token"
    program.write_text(_PROGRAM.format(python=sys.executable, user=user, url=url))
    program.chmod(0o755)
    return folder
