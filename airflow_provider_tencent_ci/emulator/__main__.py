"""``python -m airflow_provider_tencent_ci.emulator``."""

from __future__ import annotations

import sys

from airflow_provider_tencent_ci.emulator.cli import main

sys.exit(main())
