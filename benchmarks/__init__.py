"""
The cost of waiting, measured: this package and its alternatives.

.. code-block:: shell

    make bench                          # all measures; half an hour or more
    make bench MEASURES='signing delay' # some of them; the page keeps the others
    python -m benchmarks --quick        # each with few jobs, to see that it works; writes nothing into docs/

Each module of :mod:`benchmarks.measures` is one measure. It runs this package and the alternatives in turns, on the
same machine, against the same service, and returns a :class:`benchmarks.record.Record`. The page and the pictures in
``docs/`` are made of the records.
"""
