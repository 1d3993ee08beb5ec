"""Events of subscriptions, as the reference library of another language verifies them."""

import pytest

from tests.functional.conftest import ahead
from tests.functional.subscriptions.conftest import Hub
from tests.functional.test_foreign_signatures import ALTERED, show, verify

pytestmark = [
    pytest.mark.slow(reason="installs a foreign library", seconds=5),
    pytest.mark.usefixtures("rows_in_memory"),
]


def test_with_the_secret_that_was_shown_events_are_accepted_and_altered_ones_refused(hub: Hub) -> None:
    made = hub.subscribe()
    hub.page.book(ahead(days=2))
    hub.scan()
    hub.pump()
    secrets = [made["secret"], hub.act(made, "secret")["secret"]]
    hub.page.book(ahead(days=3))
    hub.scan()
    hub.pump()
    before, after = hub.sent
    sound = [show(secrets[0], before), show(secrets[0], after), show(secrets[1], after)]
    verdicts = verify([*sound, show(secrets[1], before), *(alter(sound[0]) for alter in ALTERED.values())])
    assert verdicts[:3] == [None] * 3, "while a secret is replaced, both hold"
    assert None not in verdicts[3:]
