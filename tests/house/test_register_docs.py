"""docs/register.md describes `register`: every option, part and feature, and the names of the roles."""

import argparse
import re

from devkit.commands.register import add_arguments
from setup.errors import APP_ROLE, CONSENT_ROLE, SCOPE_CONSENT_ROLE, VAULT_ROLE
from setup.options import Part
from setup.permissions import find_needed
from shared.graph.permissions import Feature
from shared.settings.choices import Credential
from tests.house.source import ROOT, modules

TEXT = (ROOT / "docs/register.md").read_text()


def options() -> set[str]:
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    return {name for action in parser._actions for name in action.option_strings}


def test_every_option_is_documented_and_every_documented_option_exists() -> None:
    foreign = {"--allow-no-subscriptions"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT)) - foreign == options()


def test_every_part_feature_and_credential_is_documented() -> None:
    for part in set(Part) - {Part.ALL}:
        assert f"`{part}`" in TEXT or f"register {part} " in TEXT
    for feature in Feature:
        assert f"`--for {feature}`" in TEXT
        assert all(f"`{each.name}`" in TEXT for each in find_needed((feature,), delegated=False))
    for credential in Credential:
        assert f"`--credential {credential}`" in TEXT


def test_every_role_is_documented() -> None:
    for role in (APP_ROLE, CONSENT_ROLE, SCOPE_CONSENT_ROLE, VAULT_ROLE):
        for name in re.findall(
            r"Application Developer|Cloud Application A\w+|Privileged Role A\w+|Key Vault .*?Officer", role.name
        ):
            assert f"*{name}*" in TEXT


def test_setup_imports_shared_and_no_other_deployed_package() -> None:
    for module in modules("setup"):
        for name in module.imports():
            if module.name != "setup.__main__":
                assert name.partition(".")[0] not in ("devkit", "blueprints", "bookings", "inbound_mail"), module.name
