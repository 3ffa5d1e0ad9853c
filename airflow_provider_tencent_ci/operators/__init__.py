"""
Operators: the arguments of a task, and its steps.

``inventory_job.py`` has ``TriggerInventoryJobOperator``: the submission, the wait for the job, the end of the task, and
the ways back into it. It inherits from ``task_process.py`` (hook, lease, request), which inherits from
``timeouts.py`` (time left), which inherits from ``job_arguments.py`` (arguments).
``cancel_inventory_job.py`` cancels a job.

An operator is thin. It checks its arguments, makes frozen values of them (``SubmitOptions``, ``WaitOptions``,
``FileRules``, ``RoundOptions``, the specification), and passes these, the hook and the context down. The steps are
below, in ``submission/``, ``waiting/`` and ``outcome/``. Nothing there knows an operator.

May be imported by ``decorators/``. Imports everything below it (see ``docs/how_it_works.md``, The rooms).
"""
