"""The errors of the emulated service (docs/service.md, 5)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ServiceError", "invalid_argument"]

_NO_DETAILS: Mapping[str, str] = MappingProxyType({})


class ServiceError(Exception):
    """
    An answer with an error body.

    CI's and COS's documents name some errors differently, and the names that a real CI host uses are not documented
    (docs/service.md, 5.2). So an error has both names.

    :param status: the HTTP status in CI's table.
    :param code: the code in CI's table.
    :param message: the reason; it names the node, parameter or header.
    :param cos: status and code in COS's table, if they differ.
    :param cos_message: the reason in COS's words, if these are documented.
    :param details: further nodes of a COS body, such as ``StringToSign``.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        cos: tuple[int, str] | None = None,
        cos_message: str = "",
        details: Mapping[str, str] = _NO_DETAILS,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self._cos = cos or (status, code)
        self._cos_message = cos_message or message

    def in_words_of_cos(self) -> ServiceError:
        """Return the same error with COS's status and code."""
        status, code = self._cos
        return ServiceError(status, code, self._cos_message, details=self.details)


def invalid_argument(message: str) -> ServiceError:
    """Return the error for a node or parameter that is missing or wrong."""
    return ServiceError(400, "InvalidArgument", message)
