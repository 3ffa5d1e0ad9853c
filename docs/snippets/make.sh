make demo    # sets up, runs the nightly DAG in a real Airflow against the emulator, shows what happens
make test    # sets up, runs the tests
