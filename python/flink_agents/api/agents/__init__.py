"""Agents: the base class and the ready-made ReActAgent."""
