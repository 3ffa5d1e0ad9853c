pip wheel --no-deps --wheel-dir dist .
docker build --file docs/snippets/kubernetes/airflow.Dockerfile --tag registry.example.com/airflow-with-tencent-ci:3.3.2-1 dist
docker push registry.example.com/airflow-with-tencent-ci:3.3.2-1
