"""Whether the messages that a document quotes are those of the product: their texts are looked for in its sources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# First cells of tables.
QUOTED = re.compile(r"^\| `([^`]+)`(?: \|| after )", re.MULTILINE)
SOURCES = ("rust/*/src/**/*.rs", "java/*/src/main/**/*.java", "python/flink_agents/**/*.py")
# What stands in a source between two parts of one text: in Java, in Python, in Rust.
SEAMS = (re.compile(r'"\s*\n?\s*\+\s*"'), re.compile(r'"\s*\n\s*f?"'), re.compile(r"\\\n\s*"))
# What stands for something else in a text.
HOLES = re.compile(r"\{[^{}\n]{0,80}\}")
# Fewer letters are found anywhere.
FEWEST = 6


def quoted(document: Path) -> list[str]:
    """What a document quotes, without the names of metrics and the like, which have no blank."""
    return [text for text in QUOTED.findall(document.read_text(encoding="utf-8")) if " " in text]


def texts() -> Iterator[tuple[Path, str]]:
    """The sources, with the parts of each text joined."""
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            for seam in SEAMS:
                text = seam.sub("", text)
            yield path, HOLES.sub("…", text.replace('\\"', '"'))


def unknown(messages: list[str]) -> list[str]:
    """Those messages of which no source has all parts, in this order."""
    left = {message: [part.strip() for part in message.split("…") if len(part.strip()) >= FEWEST] for message in messages}
    empty = [message for message, parts in left.items() if not parts]
    for _, text in texts():
        for message in [message for message, parts in left.items() if has_all(text, parts)]:
            del left[message]
    return sorted({*left, *empty})


def has_all(text: str, parts: list[str]) -> bool:
    """Whether a text has all parts, one after another, not far from each other."""
    if not parts:
        return False
    between = r"[\s\S]{0,400}?".join(map(re.escape, parts))
    return re.search(between, text) is not None
