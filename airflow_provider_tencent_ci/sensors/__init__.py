"""Sensors: waiting for what another task, or somebody else, submitted."""
