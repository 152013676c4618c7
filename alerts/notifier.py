"""What delivery asks of a target. How each kind of target is reached is known in `alerts.channels`."""

from __future__ import annotations

from typing import Protocol

from alerts.model import Capabilities, Message


class Notifier(Protocol):
    """One target. `send` returns when the target has taken the message, else it raises DeliveryError."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def send(self, message: Message) -> None: ...
