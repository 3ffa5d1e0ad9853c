"""
The results of a batch job's files.

Lives here: counting files page by page, the quick sample for the web page, and the rule how many files may fail.

May come in: code about the files of one job. Logging and writing the list of failed files belong in
``outcome``.

May call: ``core/api`` and ``core/wire``.
"""
