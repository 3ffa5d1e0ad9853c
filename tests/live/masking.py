"""Makes a report safe to publish."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from airflow_provider_tencent_ci.core.wire.redaction import REDACTED
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig
from airflow_provider_tencent_ci.core.wire.signing import encode
from tests.live.service import is_documented

# A shorter text identifies nothing, and would match everywhere.
_SHORTEST = 4
_RESOURCE = re.compile(r"\bqcs::[^\s<>\"']+")
# Other accounts and APPIDs in error texts.
_ACCOUNT = re.compile(r"(?<![0-9A-Za-z_-])1[0-9]{8,13}(?![0-9A-Za-z_-])")


class Mask:
    """
    Replaces secrets always, and the names of the account's resources unless they may be shown.

    :param show_names: keep bucket, APPID, object keys and the ids of workflows.
    """

    def __init__(self, *, show_names: bool = False) -> None:
        self._show_names = show_names
        self._stand_ins: dict[str, str] = {}

    def hide(self, secrets: Iterable[str | None]) -> None:
        """Add secrets."""
        self._learn((secret, REDACTED) for secret in secrets if secret)

    def hide_credentials(self, credentials: Credentials) -> None:
        """Add a key pair. Its id is no secret, but a reader does not need it."""
        self.hide((credentials.secret_key, credentials.token, credentials.secret_id))

    def name(self, names: Iterable[tuple[str, str]]) -> None:
        """Add names with their replacements."""
        if not self._show_names:
            self._learn(names)

    def name_config(self, config: ServiceConfig) -> None:
        """Add the names of a connection."""
        short, _, app_id = config.bucket.rpartition("-")
        self.name([(config.bucket, "[bucket]-[appid]"), (short, "[bucket]"), (app_id, "[appid]")])
        if not is_documented(config):
            self.name(
                [(config.endpoint.base_url, "[endpoint]"), (urlsplit(config.endpoint.base_url).netloc, "[endpoint]")]
            )
        self.hide([config.proxy])

    def text(self, text: str) -> str:
        """Return ``text`` without the added values, in any encoding."""
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
