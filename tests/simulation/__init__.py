"""Whole histories over virtual time: the product as it is, in a world that is drawn from a seed."""
