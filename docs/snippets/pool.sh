airflow pools set tencent_ci 200 "batch jobs at one time" --include-deferred
