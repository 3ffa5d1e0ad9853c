airflow dags test first_batch
