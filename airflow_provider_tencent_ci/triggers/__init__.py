"""Waiting in the triggerer, where a wait holds no worker."""
