tencent-ci-emulator --port 8090        # or: python -m airflow_provider_tencent_ci.emulator --port 8090
