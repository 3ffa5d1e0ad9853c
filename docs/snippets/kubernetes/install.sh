kubectl create secret generic tencent-ci-connection --from-file=connection=connection.json
helm upgrade --install airflow apache-airflow/airflow --version 1.22.0 --values values.yaml
