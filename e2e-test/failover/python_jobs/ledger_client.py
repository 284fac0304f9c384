"""How the agents here leave an entry in the ledger without holding a thread."""

from __future__ import annotations

import asyncio
import os

from flink_agents.api.durable_call import current_call

# The TaskManager, whose child a worker is.
PROCESS = str(os.getppid())


async def enter(ledger: str, run: str, name: str) -> str:
    """Leave an entry with the key of the durable call that is made; returns the receipt."""
    host, _, port = ledger.partition("//")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        head = (f"POST /call/{run}/{name} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n"
                f"Idempotency-Key: {current_call().idempotency_key}\r\nProcess: {PROCESS}\r\n\r\n")
        writer.write(head.encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(answer.partition("Content-Length:")[2].split()[0])
        return (await reader.readexactly(length)).decode()
    finally:
        writer.close()
