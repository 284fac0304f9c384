"""Flink Agents: agents in Python on one core, without Flink and on it."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    # Asked of the core when somebody wants it: importing the package stays free of other imports.
    if name == "__version__":
        from flink_agents import _core

        return _core.version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
