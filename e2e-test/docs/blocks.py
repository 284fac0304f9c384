"""Blocks of code in a document, and what is said of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NOT_RUN = re.compile(r"<!-- not run: (.+) -->\n\Z")


@dataclass(frozen=True)
class Block:
    """One block. ``not_run``: why no test runs it, else empty. ``expected``: the block of text right behind it, which shows what it prints."""

    document: str
    line: int
    language: str
    text: str
    not_run: str
    expected: str

    @property
    def first(self) -> str:
        """Its first line, by which people know it."""
        return self.text.split("\n", 1)[0]

    def __str__(self) -> str:
        return f"{self.document}:{self.line} {self.first[:70]}"


def blocks(document: Path) -> list[Block]:
    """All blocks of a document, in their order; those that show what another one prints belong to that."""
    text = document.read_text(encoding="utf-8")
    found: list[Block] = []
    end = -1
    for match in FENCE.finditer(text):
        language, content = match.groups()
        if language == "text" and found and found[-1].language == "sh" and not text[end:match.start()].strip():
            last = found.pop()
            found.append(Block(last.document, last.line, last.language, last.text, last.not_run, content))
        else:
            mark = NOT_RUN.search(text[:match.start()])
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(document.name, line, language, content, mark.group(1) if mark else "", ""))
        end = match.end()
    return found


def lacking(expected: str, printed: str) -> str:
    """The first line of what should be printed that is not, in this order; ``…`` stands for anything. Empty if all are."""
    lines = iter(printed.splitlines())
    for line in expected.splitlines():
        pattern = re.compile(".*".join(map(re.escape, line.strip().split("…"))))
        if not any(pattern.search(other) for other in lines):
            return line
    return ""
