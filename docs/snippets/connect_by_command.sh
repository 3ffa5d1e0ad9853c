airflow connections add tencent_ci_default --conn-type tencent_ci --conn-port 0 \
  --conn-login '<SecretId>' --conn-password '<SecretKey>' \
  --conn-extra '{"region": "ap-beijing", "bucket": "examplebucket-1250000000"}'
