"""The allow-lists of the API checks: what of a listing is not there yet, and the step that brings it."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def read_allowed(path: Path, what: str) -> dict[str, str]:
    """What stands first on each line to the rest of the line; bad lines end the run, and are told what to name first."""
    result: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split(" | ")]
        if len(parts) != 3 or not re.fullmatch(r"\d{4}-\d\d-\d\d", parts[1]) or not parts[2]:
            sys.exit(f"{path}:{number}: expected '{what} | YYYY-MM-DD | step'")
        result[parts[0]] = f"{parts[1]}, {parts[2]}"
    return result
