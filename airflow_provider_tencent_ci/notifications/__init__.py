"""
Messages to people about a task's job: templates, and names of mapped tasks.

``job_failure.py`` has the templates for any notifier, ``job_facts.py`` the known facts about a failed task's job,
``advice.py`` the advice, ``map_index_name.py`` the names of mapped tasks in the
UI. None of it sends a request, and none can fail a task.
"""
