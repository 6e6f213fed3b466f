"""Which session a request within a dialog belongs to."""

from __future__ import annotations

from typing import Protocol

from gateways.sip.dialog import DialogId
from gateways.sip.events import Flow, ServerKey
from gateways.sip.message import Request


class DialogUser(Protocol):
    """Owns a dialog."""

    def request_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        """A request within it."""


class Dialogs:
    """Bounded by the calls that were let in: each has a fixed number of legs."""

    def __init__(self) -> None:
        """Empty."""
        self._users: dict[DialogId, DialogUser] = {}

    def __len__(self) -> int:
        """Live dialogs."""
        return len(self._users)

    def add(self, dialog: DialogId, user: DialogUser) -> None:
        """From now on."""
        self._users[dialog] = user

    def remove(self, dialog: DialogId) -> None:
        """No longer; nothing happens when it is unknown."""
        self._users.pop(dialog, None)

    def find(self, dialog: DialogId) -> DialogUser | None:
        """The owner."""
        return self._users.get(dialog)
