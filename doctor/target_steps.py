"""Steps that examine the queues and topics to which events may be sent. None of them gets an event.

Service Bus and Event Grid have no call for senders that changes nothing. So each is sent a request that can be no
message: a broker property, or an event, that is no JSON. Whoever may not send is refused with 401 or 403, and a queue
that does not exist with 404 or 410; 400 is what is wanted. What is not documented is whether the request is read before
the right is checked: 400 then proves less.
"""

from collections.abc import Iterator
from functools import partial

from composition.connections import Services
from doctor.examination import Name, Status, Step, Verdict
from doctor.step_names import StepName, explain_role
from event_subscriptions.targets import event_grid, service_bus
from shared.settings.event_targets import AzureTarget
from shared.storage.account import Storage
from shared.storage.queues import Queue
from shared.transport import Transport

_REFUSED, _MISSING, _READ = (401, 403), (404, 410), 400
_NO_JSON = "{"
_ROLES = {
    AzureTarget.SERVICE_BUS: ("Azure Service Bus Data Sender", "the queue or topic"),
    AzureTarget.EVENT_GRID: ("EventGrid Data Sender", "the topic"),
    AzureTarget.STORAGE_QUEUE: ("Storage Queue Data Contributor", "the storage account"),
}


def list_target_steps(services: Services, identity: Name, storage: tuple[Name, ...]) -> Iterator[Step]:
    """Yield a step for each entry of EVENT_TARGETS."""
    for kind in AzureTarget:
        for address in services.settings.event_targets.list_addresses(kind):
            is_queue = kind is AzureTarget.STORAGE_QUEUE
            yield Step(
                StepName.EVENT_TARGET,
                address,
                partial(_count_messages if is_queue else _send_nothing, services, address),
                f"Check EVENT_TARGETS; {explain_role(*_ROLES[kind])}",
                storage if is_queue else (identity,),
            )


def _count_messages(services: Services, name: str) -> str:
    waiting = Queue(Storage(services.settings.storage, services.authenticator.identity), name).count()
    return f"The queue can be reached; about {waiting} messages are in it. It is made with the first event."


def _send_nothing(services: Services, address: str) -> str | Verdict:
    is_bus = address in services.settings.event_targets.list_addresses(AzureTarget.SERVICE_BUS)
    target = service_bus if is_bus else event_grid
    token = services.authenticator.identity.token(services.settings.identity_client_id, target.RESOURCE)
    answer = Transport().send(
        "POST",
        target.make_url(address),
        headers={"Content-Type": target.CONTENT_TYPE} | ({"BrokerProperties": _NO_JSON} if is_bus else {}),
        data=_NO_JSON.encode(),
        authorization=f"Bearer {token}",
    )
    if answer.status == _READ:
        return "It takes requests of the gateway. No event was sent."
    what = {
        **dict.fromkeys(_REFUSED, "It refuses the gateway's identity"),
        **dict.fromkeys(_MISSING, "There is no such queue or topic"),
    }.get(answer.status, "It answers otherwise than expected")
    return Verdict(Status.FAIL, f"{what} (HTTP {answer.status}).")
