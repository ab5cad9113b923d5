"""The data of the demo's workload: Python's standard library sources, as they lie on this machine."""

from __future__ import annotations

import hashlib
import os
import random
import re
import sysconfig
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trialstore.dialects.errors import StorageError

_WORD = re.compile(r"[A-Za-z_]\w{2,}")
# Installed packages are not the library's; its own tests are not on every machine.
_OTHER_FOLDERS = {"site-packages", "dist-packages", "test", "tests", "__pycache__"}
_LARGEST_FILE = 256 * 1024


@dataclass(frozen=True)
class SourceFile:
    """One file, cut into the rows that the workload inserts."""

    file_row: dict[str, Any]
    line_rows: list[dict[str, Any]]
    word_rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Corpus:
    """The files of a workload; two runs with the same contents have the same `fingerprint`."""

    files: tuple[SourceFile, ...]
    fingerprint: str

    @property
    def size_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(file.file_row["size_bytes"] for file in self.files)

    @property
    def lines(self) -> int:
        """Lines of all files together."""
        return sum(len(file.line_rows) for file in self.files)

    @property
    def words(self) -> int:
        """Different words of each file, summed up: the rows of the word table."""
        return sum(len(file.word_rows) for file in self.files)


def find_sources(folder: Path | None = None) -> list[Path]:
    """The library's source files below `folder` (this Python's own, if not given), in a fixed mixed order.

    Any first part of the list is a fair sample of it. Raises StorageError where there are no sources.
    """
    folder = folder or Path(sysconfig.get_paths()["stdlib"])
    found = sorted(path for path in _walk(folder) if path.is_file() and 0 < path.stat().st_size <= _LARGEST_FILE)
    if not found:
        raise StorageError(
            "There are no Python sources in the folder of the standard library.",
            "Run the demo with a Python that has them, for instance the one of your distribution.",
        )
    random.Random(0).shuffle(found)
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _OTHER_FOLDERS]
        yield from (Path(parent, name) for name in names if name.endswith(".py"))


def read_corpus(paths: Sequence[Path]) -> Corpus:
    """The contents of these files, ready to be inserted."""
    digest = hashlib.sha256()
    files = []
    for file_id, path in enumerate(paths, start=1):
        content = path.read_bytes()
        digest.update(b"%d %s\n" % (len(content), path.name.encode()))
        digest.update(content)
        files.append(_source_file(file_id, path, content))
    return Corpus(tuple(files), digest.hexdigest()[:16])


def _source_file(file_id: int, path: Path, content: bytes) -> SourceFile:
    text = content.decode("utf-8", "replace")
    lines = text.splitlines()
    words = Counter(_WORD.findall(text))
    return SourceFile(
        {"file_id": file_id, "path": f"{file_id}/{path.name}", "size_bytes": len(content)},
        [{"file_id": file_id, "line_no": number, "content": line} for number, line in enumerate(lines, start=1)],
        [{"word": word, "file_id": file_id, "occurrences": count} for word, count in words.items()],
    )
