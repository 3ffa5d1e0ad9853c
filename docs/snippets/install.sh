pip install airflow-provider-tencent-ci
