airflow db migrate
