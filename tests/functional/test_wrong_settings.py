"""Settings that are wrong are told at every call, for days if need be."""

import pytest

from composition.services import replace_services, services
from shared.settings.faults import SettingsError


def depth(error: BaseException) -> int:
    count, step = 0, error.__traceback__
    while step is not None:
        count, step = count + 1, step.tb_next
    return count


def test_each_call_gets_its_own_error_and_nothing_piles_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPH_TENANT_ID", "not a tenant/")
    replace_services(None)
    reported = []
    for _ in range(3):
        with pytest.raises(SettingsError) as caught:
            services()
        reported.append(caught.value)
    replace_services(None)
    assert len({depth(error) for error in reported}) == 1
    assert reported[0].faults == reported[2].faults
