"""What is seen in a browser: ``make test-ui``."""
