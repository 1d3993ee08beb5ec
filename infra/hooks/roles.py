"""What concerns roles around a deployment: `roles.py show`, `roles.py wait` or `roles.py give-up`.

azd runs this with the deployment's outputs in the environment. `show`, after `azd provision`, prints the commands that
assign roles, if the deployment left them out. `wait`, before `azd deploy`, waits until the gateway's roles are old
enough to work: the package is uploaded with them. `give-up`, once the state key is stored, ends the deployer's right to
write secrets. It needs only the standard library, the Azure CLI and azd.

Sources: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting (ten minutes),
https://learn.microsoft.com/cli/azure/role/assignment
"""
# ruff: noqa: INP001, T201 - a script beside the Bicep files, which talks to the person who deploys

import calendar
import json
import os
import shlex
import shutil
import subprocess
import sys
import time

SETTLED = 600.0
_LATER = "If the upload is refused with 403, the roles do not work yet: run `azd deploy` again some minutes later."


def main(arguments: list[str]) -> int:
    """Do what the argument says; return 0 if the deployment may go on."""
    steps = {"show": show, "wait": wait, "give-up": give_up}
    return steps[arguments[0]]() if len(arguments) == 1 and arguments[0] in steps else _say(f"One of {[*steps]}.", 2)


def show() -> int:
    """Print the commands for whoever may assign roles, if the deployment assigned none."""
    if os.environ.get("ROLES_ASSIGNED", "true") != "false":
        return 0
    _say("No role was assigned (ASSIGN_ROLES is false). The gateway works once somebody who may has run:")
    _say("\n".join(_read("ROLE_COMMANDS")))
    if commands := _read("DEPLOYER_ROLE_COMMANDS"):
        _say("So that you can store the state key (taken back as soon as `azd hooks run postprovision` is done):")
        _say("\n".join(commands))
    return 0


def wait() -> int:
    """Wait until the youngest role of the gateway is ten minutes old; fail if one is missing."""
    if os.environ.get("ROLE_CHECK") == "off":
        return 0
    commands = [shlex.split(each) for each in _read("ROLE_COMMANDS")]
    principal = os.environ.get("GATEWAY_IDENTITY_PRINCIPAL_ID", "")
    where = ["--subscription", os.environ["AZURE_SUBSCRIPTION_ID"]] if "AZURE_SUBSCRIPTION_ID" in os.environ else []
    found = _run("az", "role", "assignment", "list", "--all", "--assignee", principal, *where, "--output", "json")
    if not commands or found is None:
        return _say(f"The roles of the gateway cannot be read. {_LATER}")
    ages, missing = [], []
    for words in commands:
        role, scope = words[words.index("--role") + 1], words[words.index("--scope") + 1]
        made = [each["createdOn"] for each in json.loads(found) if _covers(each, role, scope)]
        if made:
            ages.append(time.time() - calendar.timegm(time.strptime(min(made)[:19], "%Y-%m-%dT%H:%M:%S")))
        else:
            missing.append(shlex.join(words))
    if missing:
        _say("The gateway lacks roles, so the upload of the package would be refused. Whoever may assign roles runs:")
        _say("\n".join(missing))
        return _say("Then `azd deploy`. If it has them in a way not seen here: `azd env set ROLE_CHECK off`.", 1)
    left = min(SETTLED, SETTLED - min(ages))
    if left > 0:
        _say(f"A role of the gateway is new, and works within ten minutes as a rule: waiting {left:.0f} s.")
        time.sleep(left)
        _say(_LATER)
    return 0


def give_up() -> int:
    """End the deployer's right to write secrets, unless it is to be kept."""
    role = os.environ.get("DEPLOYER_ROLE_ID")
    if os.environ.get("DEPLOYER_RIGHTS", "for-a-time") != "for-a-time" or not role:
        return 0
    if _run("az", "role", "assignment", "delete", "--ids", role) is None:
        return _say(f"You keep the right to write secrets. To end it: az role assignment delete --ids {role}")
    _run("azd", "env", "set", "DEPLOYER_RIGHTS", "none")
    return _say(
        "The state key is stored; your right to write secrets is ended, and DEPLOYER_RIGHTS is none from now on."
    )


def _covers(assignment: dict[str, str], role: str, scope: str) -> bool:
    """Whether an assignment gives the role on the scope: there, or on what it is part of."""
    given = assignment["scope"].lower().rstrip("/")
    return assignment.get("roleDefinitionName") == role and f"{scope.lower()}/".startswith(f"{given}/")


def _read(name: str) -> list[str]:
    """Return a list of the deployment's outputs; without one, nothing."""
    return [str(each) for each in json.loads(os.environ.get(name) or "[]")]


def _run(program: str, *arguments: str) -> "str | None":
    """Return what a program prints; None if it is missing or fails, and then its error is shown."""
    path = shutil.which(program)
    if path is None:
        _say(f"{program} is not installed.")
        return None
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - az or azd
    sys.stderr.write(done.stderr)
    return done.stdout if done.returncode == 0 else None


def _say(text: str, code: int = 0) -> int:
    print(text, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
