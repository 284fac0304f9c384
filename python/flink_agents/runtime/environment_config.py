"""The configuration of an environment: Flink's configuration file, above it the command line, above that what is set."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from flink_agents import _core

_LOG = logging.getLogger(__name__)
_FILES = ("config.yaml", "flink-conf.yaml")


class EnvironmentConfiguration:
    """Finds the sources; the core merges them.

    The file is read when this is made; everything is merged and checked anew for each plan.

    Parameters
    ----------
    conf_dir
        Directory of Flink's configuration file; ``None`` means that there is none.
    dynamic
        What the command line set, keys with the prefix ``agent.``.

    Raises
    ------
    FileNotFoundError
        If the directory has no configuration file.
    ValueError
        If the file is malformed or a value is wrong; the message names the key.
    """

    def __init__(self, conf_dir: Path | None, dynamic: dict[str, str]) -> None:
        from flink_agents.plan.configuration import AgentConfiguration

        self._request: dict[str, Any] = {"dynamic": dynamic}
        self._logged: set[str] = set()
        if conf_dir is not None:
            file = _find(conf_dir)
            self._request["file_name"] = str(file)
            try:
                self._request["file_text"] = file.read_text(encoding="utf-8")
            except UnicodeDecodeError as e:
                msg = f"{file}, found by FLINK_CONF_DIR, is not UTF-8 text ({e}); save it as UTF-8."
                raise ValueError(msg) from e
        self._inherited = self._merge({})
        self.current = AgentConfiguration(dict(self._inherited))

    def merged(self) -> dict[str, Any]:
        """Return everything merged, as of now, for a plan.

        Raises
        ------
        ValueError
            If a value does not fit its option; the message names the key and where it was set.
        """
        own = {
            key: value
            for key, value in self.current.conf_data.items()
            if key not in self._inherited or self._inherited[key] != value
        }
        return self._merge(own)

    def _merge(self, own: dict[str, Any]) -> dict[str, Any]:
        answer = json.loads(_core.load_config(json.dumps({**self._request, "environment": own})))
        for warning in answer.get("warnings", ()):
            if warning not in self._logged:
                self._logged.add(warning)
                _LOG.warning("%s", warning)
        return answer["conf_data"]


def _find(folder: Path) -> Path:
    for name in _FILES:
        if (folder / name).is_file():
            return folder / name
    msg = (
        f"FLINK_CONF_DIR is {folder}, where there is neither {_FILES[0]} nor {_FILES[1]}. Point it at the conf directory "
        "of Flink, or unset it to go without a configuration file."
    )
    raise FileNotFoundError(msg)
