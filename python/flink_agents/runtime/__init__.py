"""Runs agents: without Flink in this process, and as the worker of a TaskManager."""
