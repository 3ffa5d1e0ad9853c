"""TaskFlow decorators, which Airflow offers as ``@task.<name>``."""
