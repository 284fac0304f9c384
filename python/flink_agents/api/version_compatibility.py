"""Which Flink is installed beside."""

from __future__ import annotations

import re


class FlinkVersionManager:
    """Tells the version of the installed apache-flink; looked up when first asked."""

    def __init__(self) -> None:
        self._version: str | None = None
        self._looked = False

    @property
    def version(self) -> str | None:
        """The version, such as ``"2.1.0"``; ``None`` if apache-flink is not installed."""
        if not self._looked:
            # Importing PyFlink for its version would take seconds.
            from importlib.metadata import PackageNotFoundError, version

            try:
                self._version = version("apache-flink")
            except PackageNotFoundError:
                self._version = None
            self._looked = True
        return self._version

    @property
    def major_version(self) -> str | None:
        """The line, such as ``"2.1"``; ``None`` if apache-flink is not installed."""
        version = self.version
        return None if version is None else ".".join(version.split(".")[:2])

    def ge(self, target_version: str) -> bool:
        """Tell whether the installed version is this one or a newer one; false if there is none."""
        return self.version is not None and _numbers(self.version) >= _numbers(target_version)

    def lt(self, target_version: str) -> bool:
        """Tell whether the installed version is older than this one; false if there is none."""
        return self.version is not None and _numbers(self.version) < _numbers(target_version)


def _numbers(version: str) -> list[int]:
    numbers = [int(number) for number in re.findall(r"\d+", version.split("-")[0])[:3]]
    return numbers + [0] * (3 - len(numbers))


flink_version_manager = FlinkVersionManager()
