"""Operators: what a task does, as a list of steps."""
