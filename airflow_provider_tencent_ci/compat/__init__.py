"""
The versions of Airflow, 2.11 to 3.3: the only room that knows them.

``airflow_names.py`` has names that live in other modules, depending on the version; ``task_context.py`` reads a task's
identity, tries, XComs and state store; ``untemplated_texts.py`` renders templates; ``run_dates.py`` has the runs
without a logical date; ``connections.py`` reads connections and masks secrets; ``stats_and_tags.py`` finds Airflow's
``Stats`` and the form of its names; ``triggerer_features.py`` has the features of triggerers; ``supervision.py`` has
the time after which Airflow gives a process up.

Imports values of the core only. May be imported by ``hooks/`` and every room above it.
"""
