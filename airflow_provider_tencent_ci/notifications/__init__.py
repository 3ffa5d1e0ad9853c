"""Texts of messages for Airflow's notifiers."""
