"""
The protocol of Cloud Infinite without I/O.

Nothing below this package imports Airflow, an HTTP library, a clock or a sleep: requests, responses and times
are values that go in and come out. ``transport`` moves the bytes.
"""
