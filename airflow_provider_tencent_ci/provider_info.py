"""The provider's description for Airflow. A mistake here breaks the discovery of all providers; tests check it."""

from __future__ import annotations

from typing import Any

__all__ = ["PROVIDER_INFO"]

_INTEGRATION = "Tencent Cloud Infinite (CI)"
_PACKAGE = "airflow_provider_tencent_ci"


_CREDENTIALS = ["keys", "machine_role", "assume_role", "environment"]


def _field(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _modules(*names: str) -> list[dict[str, Any]]:
    return [{"integration-name": _INTEGRATION, "python-modules": [f"{_PACKAGE}.{name}" for name in names]}]


_ASSET_URIS = [
    {
        "schemes": ["cos"],
        "handler": f"{_PACKAGE}.assets.cos.sanitize_uri",
        "factory": f"{_PACKAGE}.assets.cos.create_asset",
        "to_openlineage_converter": f"{_PACKAGE}.assets.cos.convert_asset_to_openlineage",
    }
]

_CONFIG = {
    "tencent_ci": {
        "description": "Settings of the provider for Tencent Cloud Infinite (CI).",
        "options": {
            "deployment": {
                "description": (
                    "A name of this Airflow; it takes part in the names of its batch jobs. Two Airflows that run the "
                    "same DAG on the same bucket must have different ones, or each takes the other's jobs for its own. "
                    "Change it only while no task is between two tries."
                ),
                "version_added": "0.1.0",
                "type": "string",
                "example": "production",
                "default": "",
            },
            "jobs_page": {
                "description": "Whether Airflow's UI has the page of batch jobs (Airflow 3.1 and later).",
                "version_added": "0.1.0",
                "type": "boolean",
                "example": None,
                "default": "True",
            },
        },
    }
}

PROVIDER_INFO: dict[str, Any] = {
    # Airflow compares this with the name of the distribution.
    "package-name": "airflow-provider-tencent-ci",
    "name": _INTEGRATION,
    "description": "Batch jobs of Tencent Cloud Infinite (CI) on objects in Tencent COS: submit once, wait, report.",
    "integrations": [
        {
            "integration-name": _INTEGRATION,
            "external-doc-url": "https://www.tencentcloud.com/document/product/1045/47029",
            "tags": ["service"],
        }
    ],
    "hooks": _modules("hooks.tencent_ci"),
    "operators": _modules("operators.cancel_inventory_job", "operators.inventory_job"),
    "sensors": _modules("sensors.inventory_job"),
    "triggers": _modules("triggers.capacity", "triggers.event", "triggers.inventory_job", "triggers.starting"),
    "task-decorators": [
        # Airflow reads "class-name" (providers_manager.py); its schema says "path".
        {
            "name": "tencent_ci_inventory_job",
            "class-name": f"{_PACKAGE}.decorators.inventory_job.inventory_job_task",
        }
    ],
    # Airflow reads it from 3.2 on; a path that is wrong would take the command away, not Airflow down.
    "cli": [f"{_PACKAGE}.cli.definition.get_tencent_ci_cli_commands"],
    "config": _CONFIG,
    "extra-links": [f"{_PACKAGE}.links.InventoryJobLink"],
    "asset-uris": _ASSET_URIS,
    "dataset-uris": _ASSET_URIS,  # 2.11 knows this name only
    "connection-types": [
        {
            "connection-type": "tencent_ci",
            "hook-class-name": f"{_PACKAGE}.hooks.tencent_ci.TencentCIHook",
            "hook-name": "Tencent Cloud Infinite (CI)",
            "ui-field-behaviour": {
                "hidden-fields": ["host", "schema"],
                "relabeling": {"login": "SecretId", "password": "SecretKey"},
                "placeholders": {
                    "login": "AKID...",
                    "password": "the SecretKey that belongs to it",
                    # Their UI refuses to test a connection that has none (apache/airflow#73298).
                    "port": "not used; 0 makes Test work on Airflow 3.3.1 and 3.3.2",
                },
            },
            "conn-fields": {
                "region": _field("Region", "Region of the bucket, such as ap-beijing."),
                "bucket": _field("Bucket", "Long name of the bucket, <name>-<APPID>: examplebucket-1250000000."),
                "token": _field("Session token", "Only for temporary keys.", format="password"),
                "credentials": _field(
                    "Credentials",
                    "keys (default): SecretId and SecretKey above. machine_role: the CAM role of the machine. "
                    "assume_role: the role below. environment: TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY.",
                    default="keys",
                    enum=_CREDENTIALS,
                ),
                "role_arn": _field("Role to assume", "Only for assume_role: qcs::cam::uin/<account>:roleName/<name>."),
                "endpoint_url": _field(
                    "Endpoint URL", "Connect here instead of the documented address: an emulator, or a proxy."
                ),
                "max_connections": _field(
                    "Connections for counts",
                    "Requests in flight while the files of a batch are counted or listed, 1 to 100; default 16.",
                ),
            },
        }
    ],
}
