"""Finds the data of the examples."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def find_data(name: str, given: str | None = None) -> Path:
    """Return the file that was given, or the one of this name in the package vega_datasets.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    if given is not None:
        path = Path(given)
    else:
        # Without importing the package, which would need pandas.
        spec = find_spec("vega_datasets")
        if spec is None or spec.origin is None:
            msg = (
                f"{name} is not here: give its path as the first argument, or run "
                "`pip install --no-deps vega_datasets`, a package of public data sets that has it."
            )
            raise FileNotFoundError(msg)
        path = Path(spec.origin).parent / "_data" / name
    if not path.is_file():
        msg = f"There is no file {path}: give the path of {name} as the first argument."
        raise FileNotFoundError(msg)
    return path
