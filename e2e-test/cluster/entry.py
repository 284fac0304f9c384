"""What the programs of this directory have in common: options, a directory for logs and outputs, the last line."""

from __future__ import annotations

import argparse
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from checks import Suite


def _stop(number: int, _: object) -> None:
    """Turns a signal into an exception, so that the cluster is stopped on the way out."""
    raise SystemExit(128 + number)


def run_suite(
    title: str, prefix: str, run: Callable[[Suite, Path, argparse.Namespace], None], flags: Mapping[str, str] = MappingProxyType({}),
    **texts: str,
) -> int:
    """Runs all of a test; returns the exit status.

    ``run`` gets the suite, a new directory whose name begins with ``prefix``, and the options of the command line: those
    that each test has, one without a value for each of ``flags``, and one that takes a text for each of ``texts``, each a name with its help. The directory is removed unless something failed.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--long", action="store_true", help="more variants")
    parser.add_argument("--keep", action="store_true", help="keep logs and outputs")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the scenarios whose name contains TEXT")
    for name, text in flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    for name, text in texts.items():
        parser.add_argument(f"--{name}", default="", metavar="TEXT", help=text)
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    begin = time.monotonic()
    suite = Suite()
    base = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        run(suite, base, options)
    except Exception as e:  # noqa: BLE001 - the last line must come whatever happens
        suite.check("the test itself", f"{type(e).__name__}: {e}")
    finally:
        if suite.failed or options.keep:
            print(f"\nlogs and outputs are kept in {base}")
        else:
            shutil.rmtree(base, ignore_errors=True)
    print(f"\n{time.monotonic() - begin:.0f} s")
    print(f"{suite.passed} passed, {suite.failed} failed")
    return 1 if suite.failed or not suite.passed else 0
