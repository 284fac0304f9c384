"""The public API: what agents are written against."""
