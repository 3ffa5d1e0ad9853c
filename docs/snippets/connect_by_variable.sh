export AIRFLOW_CONN_TENCENT_CI_DEFAULT='{
  "conn_type": "tencent_ci",
  "login": "<SecretId>",
  "password": "<SecretKey>",
  "extra": {"region": "ap-beijing", "bucket": "examplebucket-1250000000"}
}'
