"""Addresses that programs read differently are refused, wherever a setting, a secret or a caller gives one."""

import json

import pytest

from inbound_mail.sinks import check_sink
from inbound_mail.sinks.webhook.receiver import Receiver
from shared.errors import ConfigurationError
from shared.key_vault import RememberedSecret
from shared.settings.config import load_settings
from shared.settings.faults import SettingsError
from shared.settings.mail_settings import SinkSettings
from shared.web_address import HTTPS_ADDRESS, HTTPS_PATH, is_connector_gateway
from tests.functional.prepared_mails import Vault

ID = "11111111-1111-1111-1111-111111111111"
SETTINGS = {
    "KEY_VAULT_URL": "https://contoso.vault.azure.net",
    "GRAPH_TENANT_ID": ID,
    "GRAPH_CLIENT_ID": ID,
    "IDENTITY_CLIENT_ID": ID,
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}
HOST = "contoso.vault.azure.net"
# Each may lead somewhere else than it seems to, or nowhere.
ODD = (
    f"https://evil.example\\@{HOST}",
    f"https://evil.example\\.{HOST}",
    f"https://evil.example#@{HOST}",
    f"https://user:word@{HOST}",
    f"https://user@{HOST}",
    f"https://@{HOST}",
    f"https://{HOST}:0",
    f"https://{HOST}:99999",
    f"https://{HOST}:x",
    f"https://{HOST}:",
    "https://[::1/",
    "https://[x]/",
    f"https://[::1].{HOST}",
    f"https://evil\u2100.{HOST}",
    f"https://evil\u3002{HOST}",
    f"https://{HOST}\u2028.evil.example",
    f"https://{HOST}\n.evil.example",
    f"https://a b.{HOST}",
    f"https://a\tb.{HOST}",
    f"https://-.{HOST}",
    f"https://.{HOST}",
    f"https:\\\\{HOST}",
    f"https:///{HOST}",
    f"https:{HOST}",
    f"HTTPS://{HOST}\x00",
    "https://",
)


@pytest.mark.parametrize("address", ODD, ids=ascii)
def test_an_odd_address_is_a_fault_of_its_setting(address: str) -> None:
    for name in ("KEY_VAULT_URL", "PUBLIC_BASE_URL"):
        with pytest.raises(SettingsError) as caught:
            load_settings(SETTINGS | {name: address})
        assert [fault.setting for fault in caught.value.faults] == [name]
    for kind, more in (("webhook", {"signing_keys": ["a"]}), ("easyvista", {"account": "1", "token": "t"})):
        faults = dict(check_sink(SinkSettings("desk", kind, {"url": address, **more})))
        assert "url" in faults, kind


@pytest.mark.parametrize("address", ODD, ids=ascii)
def test_an_odd_address_in_the_vault_is_refused_before_anything_is_sent(address: str) -> None:
    secret = RememberedSecret(Vault(flow=address), "flow")
    receiver = Receiver(
        url=None, url_secret=secret, keys=[], content_type="application/json", timeout=1, wants_answer=False
    )
    with pytest.raises(ConfigurationError) as caught:
        receiver.check_secrets()
    assert address not in str(caught.value)


def test_usual_addresses_are_taken() -> None:
    flow = "https://prod-00.westeurope.logic.azure.com:443/workflows/1/triggers/manual/paths/invoke?api-version=2016&sig=a_b-c%2F"
    assert HTTPS_ADDRESS.fullmatch(flow)
    assert HTTPS_PATH.fullmatch("https://desk.example.com/gateway/api")
    settings = SETTINGS | {
        "KEY_VAULT_URL": "https://Contoso.vault.azure.net:443/",
        "PUBLIC_BASE_URL": "https://desk.example.com:8443/gateway/api/",
        "SINKS": json.dumps(
            {"hook": {"kind": "webhook", "url": "https://hooks.contoso.com/a?b=ü", "signing_keys": ["a"]}}
        ),
    }
    assert load_settings(settings, check_sink=check_sink).public_base_url == "https://desk.example.com:8443/gateway/api"


@pytest.mark.parametrize("suffix", ["azure-apihub.net", "azure-apihub.us", "azure-apihub.cn", "azure-apim.net"])
def test_the_connectors_gateway_is_known_by_the_whole_address(suffix: str) -> None:
    host = f"env.01.common.europe.{suffix}"
    right = [
        f"https://{host}",
        f"https://{host}/",
        f"https://{host}/apim/shared-graph-20gateway/0123",
        f"https://{host}:443/x",
    ]
    assert [one for one in right if not is_connector_gateway(one)] == []
    wrong = [one.replace(HOST, host) for one in ODD if one != f"https://{HOST}"]
    wrong += [
        f"https://{suffix}", f"https://evil{suffix}", f"https://{host}.evil.example/", f"http://{host}/", "",
        f"https://{host}/x?y=1", f"https://{host}/x#y", f"https://{host}/../x", f"https://{host}/x/./y",
        f"https://{host}//evil.example", f"https://{host}/x\\y", f"https://{host}/{'x' * 600}",
        f"https://{host}/\r\nX: y", f"https://{host}/ü", f"https://{host}/<x>", f" https://{host}/",
    ]  # fmt: skip
    assert [one for one in wrong if is_connector_gateway(one)] == []
