"""Tool servers (MCP)."""
