python3 -m venv venv
. venv/bin/activate
pip install --constraint constraints/airflow-3.3.2.txt "apache-airflow==3.3.2" .
