"""Texts without a template stay as they are, also in a DAG with ``render_template_as_native_obj``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import Context

__all__ = ["UntemplatedTexts"]


class UntemplatedTexts:
    """
    A task that renders templates, and changes no other text.

    Airflow renders each text of a templated field. With ``render_template_as_native_obj`` it would make a number of the
    prefix ``2026``, and ``16`` of the name ``0x10``. The author's text would be lost.
    """

    def render_template(
        self: Any, content: Any, context: Context, jinja_env: jinja2.Environment | None = None, *seen_oids: Any
    ) -> Any:
        """Render a field, or a part of one, as Airflow does; return a text without a template as it is."""
        if isinstance(content, str) and not content.endswith(tuple(self.template_ext)):
            jinja_env = jinja_env or self.get_template_env()
            if all(kind == "data" for _, kind, _ in jinja_env.lex(content)):
                return content
        return super().render_template(content, context, jinja_env, *seen_oids)  # type: ignore[misc]
