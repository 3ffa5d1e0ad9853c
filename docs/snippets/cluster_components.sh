airflow api-server
airflow scheduler        # twice
airflow dag-processor
airflow triggerer        # twice
airflow celery worker    # twice
