"""The hook: a connection of Airflow's turned into calls of the service."""
