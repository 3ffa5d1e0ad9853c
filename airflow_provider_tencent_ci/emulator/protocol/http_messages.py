"""A request as it arrived, and an answer as it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, unquote

__all__ = ["Delivery", "Reply", "WireRequest"]


@dataclass(frozen=True)
class WireRequest:
    """
    A request as it arrived.

    :param method: in upper case.
    :param target: path and query exactly as they were sent.
    :param headers: with lower-case names; of a repeated header the last one.
    :param body: the whole body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @cached_property
    def path(self) -> str:
        """The decoded path, which a signature covers."""
        return unquote(self.target.partition("?")[0])

    @cached_property
    def raw_query(self) -> str:
        """The query, after the question mark, as it was sent."""
        return self.target.partition("?")[2]

    @cached_property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """
        The decoded parameters in their order; a bare key has an empty value.

        ``+`` is a blank: ``requests`` sends a blank in this form, and the signatures of the official SDK rely on it.
        """
        return tuple(parse_qsl(self.raw_query, keep_blank_values=True))

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters by name; of a repeated one the last."""
        return dict(self.parameters)

    @cached_property
    def host(self) -> str:
        """``Host`` in lower case, without the port."""
        name, _, port = self.headers.get("host", "").lower().rpartition(":")
        return name if port.isdecimal() and name else self.headers.get("host", "").lower()


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    How an answer is sent, for faults that do not change its content.

    :param hold_seconds: how long to wait before it is sent.
    :param reset: the connection is reset instead.
    :param drip_seconds: over how many seconds its body is sent, in small pieces.
    :param cut: the connection ends in the middle of the body.
    :param without_date: the answer has no ``Date``, which a server otherwise adds by itself.
    """

    hold_seconds: float = 0.0
    reset: bool = False
    drip_seconds: float = 0.0
    cut: bool = False
    without_date: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it is sent."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delivery: Delivery = Delivery()
