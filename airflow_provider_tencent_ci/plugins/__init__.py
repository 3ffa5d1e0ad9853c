"""The page of batch jobs in Airflow's UI: a plugin for Airflow 3.1 and later (docs/jobs_page.md)."""
