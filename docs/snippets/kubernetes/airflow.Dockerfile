FROM apache/airflow:3.3.2-python3.12

# The image's own constraints keep Airflow and its providers as they are.
COPY airflow_provider_tencent_ci-*.whl wheels/
RUN pip install --no-cache-dir --constraint "${HOME}/constraints.txt" "apache-airflow==${AIRFLOW_VERSION}" wheels/*.whl
RUN pip check
RUN airflow providers get airflow-provider-tencent-ci
