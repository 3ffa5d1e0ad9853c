"""
The contract with the real service: what is assumed of it, and what was seen of it.

Modules: ``facts`` (each fact with its question, its possible answers and its evidence), ``contract`` (a set of answers,
read from and written to a file). ``seen.json`` has the answers of the real service; without an answer there, a fact is
as ``facts`` assumes it.

Belongs here: facts that the service's documents leave open and that ``make test-live`` asks for. The emulator, the
tests and docs/service.md follow the same contract.

May call: ``model`` for the switches, each of which one fact sets.
"""
