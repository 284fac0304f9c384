"""The command ``flink-agents``."""
