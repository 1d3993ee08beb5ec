"""The simulated subscriptions and what is sent to subscribers, against the reference pages: names and types."""

from datetime import timedelta

from tests.contract.openapi import load_contract
from tests.functional.twin.endpoint import HOST, LIFECYCLE, URL, serving, until
from twin import Answer, Simulator
from twin.client import RawGraphClient
from twin.seeds import mails, tiny
from twin.seeds.sample import CLIENT_ID, TENANT_ID
from twin.subscriptions.forgeries import FORGERIES, forge

COLLECTION = "microsoft.graph.changeNotificationCollection"
PATH = "/subscriptions"


def test_every_operation_and_every_notification_is_as_the_reference_says() -> None:
    contract = load_contract("subscriptions")
    with serving() as endpoint, Simulator(tiny.build(), latency=0).running() as sim:
        sim.subscriptions.sites[HOST] = endpoint.address
        sim.subscriptions.switches.set({"latency_seconds": 0, "page_size": 1})
        with RawGraphClient(sim, "Mail.Read", tenant_id=TENANT_ID, app_id=CLIENT_ID) as app:
            body = {
                "changeType": "created,updated,deleted",
                "notificationUrl": URL,
                "lifecycleNotificationUrl": LIFECYCLE,
                "resource": f"users/{mails.SUPPORT}/mailFolders('inbox')/messages",
                "expirationDateTime": (sim.world.clock.now() + timedelta(days=2)).isoformat(),
                "clientState": "guess me",
            }
            ids = [app.request("POST", PATH, json=body).json()["id"] for _ in range(2)]
            one = sim.subscriptions.find(ids[0])
            assert len(app.pages(PATH)) == 2
            assert app.get(f"{PATH}/{ids[0]}").ok
            end = {"expirationDateTime": body["expirationDateTime"]}
            assert app.request("PATCH", f"{PATH}/{ids[0]}", json=end).ok
            mail = sim.mail.mailbox(mails.SUPPORT).receive()
            mail.mark_read()
            mail.delete()
            sim.subscriptions.challenge(ids[0])
            assert app.request("POST", f"{PATH}/{ids[0]}/reauthorize").status_code == 204
            sim.subscriptions.notify(one, "missed")
            until(lambda: sum(len(each.items) for each in tuple(sim.subscriptions.deliveries)) == 8)  # answers noted
            forged = [forge(sim.subscriptions, kind, one) for kind in FORGERIES]
            assert app.request("DELETE", f"{PATH}/{ids[1]}").status_code == 204
            good = {str(contract.find_operation(seen.method, seen.path)) for seen in sim.exchanges.all()}
            sim.subscriptions.remove(ids[0], announced=True)
            until(lambda: len(endpoint.events) == 3)
            for status, method, path in ((404, "GET", f"/{ids[0]}"), (400, "POST", ""), (405, "PUT", "")):
                assert app.request(method, f"{PATH}{path}", json={}).status_code == status
            sim.faults.add(Answer(503), api="subscriptions")
            assert app.get(PATH).status_code == 503
        problems = [problem for seen in sim.exchanges.all() for problem in contract.check(seen)]

    assert problems == []
    assert good == {str(operation) for operation in contract.operations}
    sent = [{"value": items} for _, items in endpoint.posts]
    assert [problem for each in [*sent, *forged] for problem in contract.check_schema(each, COLLECTION)] == []
    assert {item.get("changeType") for item in endpoint.items} == {"created", "updated", "deleted"}
    assert set(endpoint.events) == {"missed", "reauthorizationRequired", "subscriptionRemoved"}
