"""
The versions of Airflow, 2.11 to 3.3: the only room that knows them.

``airflow_names.py`` has names that live in other modules, depending on the version; ``task_context.py`` reads a task's
identity, tries, XComs and state store; ``connections.py`` reads connections and masks secrets;
``triggerer_support.py`` says what a triggerer can do; ``supervision.py`` says when Airflow gives up a process.

Imports values of the core only. May be imported by ``hooks/`` and every room above it.
"""
