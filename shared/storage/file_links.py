"""Links to single blobs that end by themselves: shared access signatures, made by Microsoft's library.

A link lets whoever has it read one blob, for ten minutes, over https, and nothing else. It is signed with a key that
the account gives the app's identity for an hour (a user delegation key), or with the account's own key where a
connection string has it. What is opened by it comes as a file to save, whatever it is: no browser shows it.

Source: learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas
"""

import base64
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from shared.errors import Forbidden
from shared.storage.account import Storage, storage_errors

if TYPE_CHECKING:
    from azure.storage.blob import UserDelegationKey

    from shared.storage.service import Account

LINK_LASTS = timedelta(minutes=10)
_KEY_LASTS = timedelta(hours=1)
_CLOCKS_DIFFER = timedelta(minutes=5)
_OCTETS = "application/octet-stream"


@dataclass(frozen=True, repr=False)
class FileLink:
    """A link, and when it ends. It has no representation, so that no log or traceback can show it."""

    url: str
    expires_at: datetime


class FileLinks:
    """Makes links to blobs of the app's storage account."""

    def __init__(self, storage: Storage, *, are_allowed: bool) -> None:
        self._storage = storage
        self.are_allowed = are_allowed
        self._lock = threading.Lock()
        self._known: tuple[str, UserDelegationKey, datetime] | None = None

    def are_possible(self) -> bool:
        """Return whether there are links: the settings allow them, and something can sign them. Asks nobody."""
        if not self.are_allowed:
            return False
        account = self._storage.find_account("blob")
        return account.key is not None or account.credential is not None

    def require(self) -> None:
        """Raise Forbidden where there are no links."""
        if not self.are_possible():
            raise Forbidden(
                "This gateway gives no links to files, because FILE_LINKS is off or nothing can sign them. Get the "
                "file itself, in parts with the header Range.",
                code="FileLinksOff",
            )

    def make(self, container: str, blob: str, *, file_name: str) -> FileLink:
        """Return a link to a blob, under which it is saved with this name.

        Raises Forbidden where there are no links, and as `storage_errors` if the account gives no key.
        """
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        self.require()
        account = self._storage.find_account("blob")
        expires_at = (datetime.now(UTC) + LINK_LASTS).replace(microsecond=0)
        name, signed_with = self._find_key(account, expires_at)
        signature = generate_blob_sas(
            name,
            container,
            blob,
            permission=BlobSasPermissions(read=True),
            expiry=expires_at,
            protocol="https" if account.url.startswith("https:") else "https,http",
            content_disposition=save_as(file_name),
            content_type=_OCTETS,
            cache_control="no-store",
            **signed_with,
        )
        return FileLink(f"{account.url.rstrip('/')}/{container}/{quote(blob, safe='/~')}?{signature}", expires_at)

    def _find_key(self, account: "Account", needed_until: datetime) -> tuple[str, dict[str, Any]]:
        """Return the account's name and what signs, as an argument of `generate_blob_sas`."""
        if account.key is not None:
            return account.key.account, {"account_key": base64.b64encode(account.key.key).decode()}
        with self._lock:
            if self._known is None or self._known[2] < needed_until:
                self._known = self._ask_for_key()
            return self._known[0], {"user_delegation_key": self._known[1]}

    def _ask_for_key(self) -> tuple[str, "UserDelegationKey", datetime]:
        now = datetime.now(UTC).replace(microsecond=0)
        ends = now + _KEY_LASTS
        with storage_errors("the key that signs links to files"):
            service = self._storage.open_blob_service()
            key = service.get_user_delegation_key(now - _CLOCKS_DIFFER, ends)
        return str(service.account_name), key, ends


def save_as(file_name: str) -> str:
    """Return the header Content-Disposition that has a file saved under a name."""
    return f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"
