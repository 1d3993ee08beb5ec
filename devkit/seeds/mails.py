"""Support mailboxes: empty ones for tests."""

from devkit.simulator.entra.state import Entra
from devkit.simulator.mail.mailbox import Mailbox
from devkit.simulator.mail.state import Mail
from devkit.simulator.world import World

SUPPORT, FACILITIES, SECURITY = "support@contoso.com", "facilities@contoso.com", "security@contoso.com"
SECOND = "second@contoso.com"
_DOMAIN = "contoso.com"


def furnish_tiny(world: World) -> list[Mailbox]:
    """Add two empty mailboxes."""
    mail, tenant = world.room(Mail), world.room(Entra).tenant(_DOMAIN)
    return [
        mail.add_mailbox(SUPPORT, tenant.id, name="IT Support"),
        mail.add_mailbox(SECOND, tenant.id, name="Second"),
    ]
