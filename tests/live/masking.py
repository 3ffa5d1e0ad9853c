"""Making a report safe to show to anybody."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from airflow_provider_tencent_ci.core.wire.redaction import REDACTED
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.core.wire.signing import encode
from tests.live.service import is_documented

# A shorter text stands for nothing that could be recognised, and would be found everywhere.
_SHORTEST = 4
_RESOURCE = re.compile(r"\bqcs::[^\s<>\"']+")
# Accounts and APPIDs that error texts name, other than our own.
_ACCOUNT = re.compile(r"(?<![0-9A-Za-z_-])1[0-9]{8,13}(?![0-9A-Za-z_-])")


class Mask:
    """
    Replaces secrets always, and the names of the account's things unless they may be shown.

    :param show_names: leave bucket, APPID, object keys and the ids of workflows as they are.
    """

    def __init__(self, *, show_names: bool = False) -> None:
        self._show_names = show_names
        self._stand_ins: dict[str, str] = {}

    def hide(self, secrets: Iterable[str | None]) -> None:
        """Learn secrets."""
        self._learn((secret, REDACTED) for secret in secrets if secret)

    def hide_credentials(self, credentials: Credentials) -> None:
        """Learn a key pair. Its id is no secret, and nobody needs it."""
        self.hide((credentials.secret_key, credentials.token, credentials.secret_id))

    def name(self, names: Iterable[tuple[str, str]]) -> None:
        """Learn names with what stands for them."""
        if not self._show_names:
            self._learn(names)

    def name_config(self, config: ServiceConfig) -> None:
        """Learn what a connection names."""
        short, _, app_id = config.bucket.rpartition("-")
        self.name([(config.bucket, "[bucket]-[appid]"), (short, "[bucket]"), (app_id, "[appid]")])
        if not is_documented(config):
            self.name(
                [(config.endpoint.base_url, "[endpoint]"), (urlsplit(config.endpoint.base_url).netloc, "[endpoint]")]
            )
        self.hide([config.proxy])

    def text(self, text: str) -> str:
        """Return ``text`` without what was learned, in whatever form it stands there."""
        for value in sorted(self._stand_ins, key=len, reverse=True):
            text = text.replace(value, self._stand_ins[value])
        if not self._show_names:
            text = _ACCOUNT.sub("[account]", _RESOURCE.sub("[resource]", text))
        return text

    def value(self, value: object) -> object:
        """Return a value for JSON with each text in it masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self.value(inner) for name, inner in value.items()}
        return [self.value(inner) for inner in value] if isinstance(value, list) else value

    def _learn(self, pairs: Iterable[tuple[str, str]]) -> None:
        for value, stand_in in pairs:
            if len(value) >= _SHORTEST:
                forms = (value, encode(value), quote(value), value.replace("&", "&amp;"))
                self._stand_ins.update(dict.fromkeys(forms, stand_in))
