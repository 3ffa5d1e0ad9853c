"""The connection form for Airflow 2.11 to 3.1, made from the same metadata that later versions read."""

from __future__ import annotations

from typing import Any

from airflow_provider_tencent_ci.provider_info import PROVIDER_INFO


def connection_form_widgets(conn_type: str) -> dict[str, Any]:
    """Return a form field for each declared one; it needs libraries that only the web server has."""
    # Imported late: only the web server of Airflow before 3.2 has these libraries.
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget  # type: ignore[import-not-found]
    from wtforms import PasswordField, StringField  # type: ignore[import-untyped]

    widgets: dict[str, Any] = {}
    for name, field in _metadata(conn_type)["conn-fields"].items():
        if field["schema"].get("format") == "password":
            kind, widget = PasswordField, BS3PasswordFieldWidget()
        else:
            kind, widget = StringField, BS3TextFieldWidget()
        widgets[name] = kind(field["label"], widget=widget, description=field["description"])
    return widgets


def ui_field_behaviour(conn_type: str) -> dict[str, Any]:
    """Return hidden fields, labels and placeholders with the older form's names."""
    behaviour = _metadata(conn_type)["ui-field-behaviour"]
    return {
        "hidden_fields": [*behaviour["hidden-fields"], "port"],  # shown because 3.3.1 and 3.3.2 need it
        "relabeling": behaviour["relabeling"],
        "placeholders": behaviour["placeholders"],
    }


def _metadata(conn_type: str) -> dict[str, Any]:
    for entry in PROVIDER_INFO["connection-types"]:
        if entry["connection-type"] == conn_type:
            return dict(entry)
    raise LookupError(conn_type)
