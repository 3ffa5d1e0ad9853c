"""Assets: the URIs of objects in COS, ``cos://bucket/key``, as Airflow and OpenLineage read them."""
