"""Tests in a browser: ``make test-ui``."""
