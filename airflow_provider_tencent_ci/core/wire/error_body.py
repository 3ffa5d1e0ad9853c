"""The body of an error answer: the service's code, message and request id, wherever they are (docs/service.md, 5.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_tencent_ci.core.wire.texts import shortened
from airflow_provider_tencent_ci.core.wire.xml import Node, read_document, to_dict
from airflow_provider_tencent_ci.exceptions import UnreadableResponseError

# The answer may come from a gateway or a proxy, so the lengths are bounded.
_MAX_MESSAGE_LENGTH = 1_000
_MAX_WORD_LENGTH = 200
_MAX_SIGNED_LENGTH = 300
_MAX_JSON_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """
    The content of an error body.

    :param code: the service's code, such as ``AccessDenied``; empty if there is none.
    :param message: the service's message; empty if there is none.
    :param request_id: the service's id of the request; empty if there is none.
    :param signed: ``StringToSign`` and ``FormatString``: the texts that the service signed, each with its name; empty
        if there is none.
    :param has_error_node: whether there is a node ``Error``, which only an error has.
    :param not_xml: why the body could not be read as XML; empty if it was.
    """

    code: str = ""
    message: str = ""
    request_id: str = ""
    signed: str = ""
    has_error_node: bool = False
    not_xml: str = ""


def may_be_error(body: bytes) -> bool:
    """Whether a body has a node ``Error`` or is JSON. A page of jobs is neither, and is not read twice."""
    return b"Error>" in body or is_json(body)


def is_json(body: bytes) -> bool:
    """Whether a body is a JSON object, as other services of Tencent's write their errors."""
    return not body.startswith(b"<") and body[:_MAX_WORD_LENGTH].lstrip().startswith(b"{")


def read_error_body(body: bytes) -> ErrorBody:
    """Read an error body, of which any part may be missing; a gateway answers with HTML or with nothing."""
    fields, not_xml = _read_json(body) if is_json(body) else _read_xml(body)
    levels = [fields]
    names = []
    for name in ("Response", "Error"):  # {"Response": {"Error": {"Code": …}, "RequestId": …}}, or a part of it
        inner = _field(levels[-1], name)
        if isinstance(inner, Mapping):
            levels.append(inner)
            names.append(name)

    def text(name: str, most: int = _MAX_WORD_LENGTH) -> str:
        return next((shortened(found, most) for level in reversed(levels) if (found := _text(level, name))), "")

    signed = ((name, text(name, _MAX_SIGNED_LENGTH)) for name in ("StringToSign", "FormatString"))
    return ErrorBody(
        code=text("Code"),
        message=text("Message", _MAX_MESSAGE_LENGTH),
        request_id=text("RequestId"),
        signed=", ".join(f"{name}={value!r}" for name, value in signed if value),
        has_error_node="Error" in names,
        not_xml=not_xml,
    )


def _read_json(body: bytes) -> tuple[Mapping[str, object], str]:
    try:
        found = json.loads(body) if len(body) <= _MAX_JSON_BYTES else None
    except (ValueError, RecursionError):
        found = None
    return (found if isinstance(found, dict) else {}), "The answer is not XML, but JSON."


def _read_xml(body: bytes) -> tuple[Mapping[str, object], str]:
    try:
        root = read_document(body)
        fields: Mapping[str, Node] = to_dict(root)
    except UnreadableResponseError as error:
        return {}, error.message
    except RecursionError:
        return {}, "The answer is nested too deep."
    return ({"Error": fields} if root.tag == "Error" else fields), ""


def _field(fields: Mapping[str, object], name: str) -> object:
    """Return a field, whatever the case of its name; of several equal nodes the first one."""
    found = next((value for key, value in fields.items() if key.lower() == name.lower()), None)
    return found[0] if isinstance(found, Sequence) and not isinstance(found, str) and found else found


def _text(fields: Mapping[str, object], name: str) -> str:
    value = _field(fields, name)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
