"""Fixtures of all tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fake_pyflink import pyflink  # noqa: E402

__all__ = ["pyflink"]
