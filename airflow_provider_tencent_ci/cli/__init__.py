"""The commands ``airflow tencent-ci ...`` (Airflow 3.2 and later) and ``tencent-ci ...`` (all versions)."""
