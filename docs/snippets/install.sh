pip install .                            # into the environment of your Airflow
pip wheel --no-deps --wheel-dir dist .   # or: a wheel for an image, in dist/
