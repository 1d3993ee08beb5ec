"""One call through the gateway, compared with the same call made with `requests`: ratios of CPU and latency.

All calls go to the twin, which runs in a process of its own and answers after 30 ms, about as long as Graph in the
same region. The direct caller has a session and a token. The gateway is called as a function, and over HTTP through the
local host and Microsoft's worker library. The callers take turns, so that all have the same conditions.
"""

import os
import time
from statistics import median
from typing import TYPE_CHECKING

import requests

from bench.harness import ROOT, run_storage, run_twin

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 200
LATENCY = 0.03
PAGE = "ithelpdesk@contoso.com"
GRAPH = f"https://graph.microsoft.com/v1.0/solutions/bookingBusinesses/{PAGE}/services"


def run() -> None:
    """Measure and print."""
    with run_twin(LATENCY) as world, run_storage() as account:  # what needs storage is loaded, and not started
        os.environ.update(world.environment | world.settings | {"AzureWebJobsStorage": account})
        from devkit.host import Keys, LocalHost, serve_in_thread  # noqa: PLC0415 - after the environment is set

        keys = Keys.generate()
        host = LocalHost.load(ROOT, settings_file=None, environ=os.environ, keys=keys)
        server = serve_in_thread(host)
        try:
            _measure(server.base_url, keys.host["default"])
        finally:
            server.stop()
            host.stop()


def _measure(base_url: str, key: str) -> None:
    from blueprints.bookings import list_services  # noqa: PLC0415 - as above
    from composition.services import services  # noqa: PLC0415 - after the environment is set

    direct = requests.Session()
    token = services().authenticator.tokens("default").token()
    local = requests.Session()
    local.trust_env = False
    request = _make_request()
    cases: dict[str, Callable[[], object]] = {
        "direct, requests": lambda: direct.get(GRAPH, headers={"Authorization": f"Bearer {token}"}, timeout=30).json(),
        "gateway, function": lambda: list_services(request),
        "gateway, over HTTP": lambda: local.get(
            f"{base_url}/api/bookings/businesses/{PAGE}/services", headers={"x-functions-key": key}, timeout=30
        ).json(),
    }
    wall: dict[str, list[float]] = {name: [] for name in cases}
    cpu: dict[str, float] = dict.fromkeys(cases, 0.0)
    for number in range(ROUNDS + 5):
        for name, call in cases.items():
            began, used = time.perf_counter(), time.process_time()
            call()
            if number >= 5:  # noqa: PLR2004 - the first ones open connections
                wall[name].append(time.perf_counter() - began)
                cpu[name] += time.process_time() - used
    base = "direct, requests"
    print(f"one proxied list of services, {ROUNDS} calls each, Graph answering after {LATENCY * 1e3:.0f} ms")
    for name in cases:
        times = wall[name]
        print(
            f"  {name:20} latency median {median(times) * 1e3:6.2f} ms ({median(times) / median(wall[base]):.2f} x)"
            f"   CPU {cpu[name] / ROUNDS * 1e3:5.2f} ms ({cpu[name] / cpu[base]:.2f} x)"
        )
    print(
        "  (CPU over HTTP counts the local host and the test's own client too; on Azure the host is another process)\n"
    )


def _make_request() -> object:
    import azure.functions as func  # noqa: PLC0415 - only this benchmark needs it

    return func.HttpRequest(
        method="GET",
        url=f"http://127.0.0.1/api/bookings/businesses/{PAGE}/services",
        headers={},
        params={},
        route_params={"business": PAGE},
        body=b"",
    )
