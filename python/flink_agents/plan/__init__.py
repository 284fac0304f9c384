"""Compiles agents into plans, the form in which they travel to where they run."""
