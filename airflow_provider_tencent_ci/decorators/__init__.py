"""
TaskFlow decorators, which Airflow offers as ``@task.<name>``.

``inventory_job.py`` has ``@task.tencent_ci_inventory_job``: a function returns the request, and the operator submits
it. Imports the operator; nothing imports a decorator.
"""
