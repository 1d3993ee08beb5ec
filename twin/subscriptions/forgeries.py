"""Notifications that Graph has not sent, as an attacker who knows the address would send them."""

import json
import uuid
from datetime import timedelta
from typing import Literal, get_args

from twin.core.wire import Json
from twin.subscriptions.state import Subscriptions
from twin.subscriptions.subscription import Subscription, render

type Forgery = Literal["tenant", "client-state", "no-client-state", "empty-client-state", "unknown", "ended", "replay"]

FORGERIES: tuple[str, ...] = get_args(Forgery.__value__)


def forge(state: Subscriptions, kind: str, subscription: Subscription) -> Json:
    """Return the body of a forged delivery for a subscription. ValueError for an unknown kind, or nothing to replay.

    tenant            the notification of another tenant, with all else right
    client-state      with a wrong secret; `no-client-state` and `empty-client-state` with none
    unknown           of a subscription that there never was, with the right secret
    ended             of a subscription that ended long ago, with a wrong secret
    replay            what was sent before, as it was, word for word
    """
    if kind not in FORGERIES:
        raise ValueError(f"unknown: {kind}; there are {', '.join(FORGERIES)}")
    if kind == "replay":
        for delivery in reversed(tuple(state.deliveries)):
            if delivery.url == subscription.notification_url:
                return {"value": json.loads(json.dumps(delivery.items))}
        raise ValueError("nothing was sent to this subscription yet")
    item_id = f"AAMkAD{uuid.uuid4().hex * 4}AAA="
    address = f"Users/{subscription.watched.owner}/Messages/{item_id}"
    item: Json = {
        "subscriptionId": subscription.id,
        "subscriptionExpirationDateTime": render(subscription.expires),
        "tenantId": subscription.tenant_id,
        "clientState": subscription.client_state,
        "changeType": "created",
        "resource": address,
        "resourceData": {
            "@odata.type": "#Microsoft.Graph.Message",
            "@odata.id": address,
            "@odata.etag": 'W/"CQAAABYAAAD"',
            "id": item_id,
        },
    }
    if kind == "no-client-state":
        del item["clientState"]
    changes: dict[str, Json] = {
        "tenant": {"tenantId": str(uuid.uuid4())},
        "client-state": {"clientState": str(uuid.uuid4())},
        "empty-client-state": {"clientState": ""},
        "unknown": {"subscriptionId": str(uuid.uuid4())},
        "ended": {
            "subscriptionId": str(uuid.uuid4()),
            "clientState": str(uuid.uuid4()),
            "subscriptionExpirationDateTime": render(state.world.clock.now() - timedelta(days=9)),
        },
    }
    return {"value": [item | changes.get(kind, {})]}
