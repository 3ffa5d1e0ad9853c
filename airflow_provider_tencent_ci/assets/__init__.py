"""Kinds of assets: what Airflow makes of their URIs."""
