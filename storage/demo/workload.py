"""One run of the workload on a fresh SQLite file: what is measured, and how."""

from __future__ import annotations

import hashlib
import math
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trialstore.dialects.errors import StorageError

from .corpus import Corpus, SourceFile
from .sampler import Sampler
from .settings import Config, apply_config, statements

_FILES_PER_COMMIT = 8
_FILES_PER_EDIT = 3
_QUERIES = 60


class WorkloadFailed(StorageError):
    """The workload ended with other data than it put in."""


@dataclass(frozen=True)
class Measured:
    """What a run measured. `answer` is a hash of all query results: the same for the same corpus in every config."""

    metrics: dict[str, float | int]
    answer: str


def run_workload(
    corpus: Corpus,
    config: Config,
    folder: Path,
    *,
    sampler: Sampler,
    between: Callable[[], None] = lambda: None,
    keep_going: Callable[[], None] = lambda: None,
) -> Measured:
    """Fill, index, query and edit a new database in `folder` under `config`.

    `keep_going` is called after each step and may raise to break off; `between` is called between the phases and is not
    measured. Raises SettingRefused, sqlite3.Error, and WorkloadFailed when the data is not what it should be.
    """
    path = folder / "workload.sqlite"
    run = _Run(corpus, sqlite3.connect(path, isolation_level=None))
    sampler.watch(path)
    seconds: dict[str, float] = {}
    try:
        phases: dict[str, Iterator[int]] = {
            "ingest": run.ingest(config),
            "index": run.index(),
            "query": run.query(),
            "edit": run.edit(),
        }
        for phase, steps in phases.items():
            sampler.start()
            begun = time.perf_counter()
            for rows in steps:
                sampler.tick(phase, rows)
                keep_going()
            seconds[phase] = time.perf_counter() - begun
            sampler.sample(phase)
            between()
        run.check()
        begun = time.perf_counter()
    finally:
        run.connection.close()
    # Closing is part of the work: with a write-ahead log it is then that the last changes move into the file.
    seconds["close"] = time.perf_counter() - begun
    metrics: dict[str, float | int] = {f"{phase}_s": round(value, 6) for phase, value in seconds.items()}
    metrics["elapsed_s"] = round(sum(seconds.values()), 6)
    metrics["p95_query_ms"] = round(percentile(run.query_ms, 0.95), 4)
    metrics["db_mb"] = round(path.stat().st_size / 1e6, 3)
    return Measured(metrics, run.answer.hexdigest()[:16])


def percentile(values: list[float], share: float) -> float:
    """The least of `values` that at least `share` (0 to 1) of them do not exceed."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


@dataclass
class _Run:
    """The phases, each a generator of steps that yields the number of rows it wrote or read."""

    corpus: Corpus
    connection: sqlite3.Connection
    query_ms: list[float] = field(default_factory=list)
    answer: Any = field(default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        self.sql = statements()
        # The same corpus gets the same questions and edits in every run.
        self.rng = random.Random(self.corpus.fingerprint)

    def execute(self, name: str, **params: Any) -> list[Any]:
        return self.connection.execute(self.sql[name], params).fetchall()

    def ingest(self, config: Config) -> Iterator[int]:
        apply_config(self.connection, config)
        for name in ("create_source_file", "create_source_line", "create_word_count"):
            self.execute(name)
        files = self.corpus.files
        for start in range(0, len(files), _FILES_PER_COMMIT):
            self.execute("begin")
            rows = sum(self.insert(file) for file in files[start : start + _FILES_PER_COMMIT])
            self.execute("commit")
            yield rows

    def insert(self, file: SourceFile) -> int:
        self.execute("insert_file", **file.file_row)
        self.connection.executemany(self.sql["insert_line"], file.line_rows)
        self.connection.executemany(self.sql["insert_word"], file.word_rows)
        return 1 + len(file.line_rows) + len(file.word_rows)

    def index(self) -> Iterator[int]:
        self.execute("index_lines")
        yield self.corpus.lines
        self.execute("index_words")
        yield self.corpus.words

    def query(self) -> Iterator[int]:
        with_words = [file for file in self.corpus.files if file.word_rows]
        for number in range(_QUERIES if with_words else 0):
            file = self.rng.choice(with_words)
            word = self.rng.choice(file.word_rows)["word"]
            if number % 4 == 3:
                rows = self.ask("query_lines_containing", word=word)
            elif number % 4 == 2:
                rows = self.ask("query_words_of_file", file_id=file.file_row["file_id"])
            else:
                rows = self.ask("query_files_with_word", word=word)
            yield rows

    def ask(self, name: str, **params: Any) -> int:
        begun = time.perf_counter()
        rows = self.execute(name, **params)
        self.query_ms.append((time.perf_counter() - begun) * 1000)
        self.answer.update(repr(rows).encode("utf-8", "surrogatepass"))
        return len(rows)

    def edit(self) -> Iterator[int]:
        for file in self.edited():
            file_id = file.file_row["file_id"]
            lines = max(len(file.line_rows) // 10, 1)
            self.execute("begin")
            self.execute("update_file", file_id=file_id)
            self.execute("update_lines", file_id=file_id, line_no=lines)
            for row in file.word_rows[:10]:
                self.execute("update_words", file_id=file_id, word=row["word"])
            self.execute("commit")
            yield 1 + lines + len(file.word_rows[:10])

    def edited(self) -> tuple[SourceFile, ...]:
        return self.corpus.files[::_FILES_PER_EDIT]

    def check(self) -> None:
        expected = (len(self.corpus.files), self.corpus.lines, self.corpus.words, len(self.edited()))
        found = tuple(self.execute("count_rows")[0])
        if found != expected:
            raise WorkloadFailed(f"The database holds {found} files, lines, words and edits instead of {expected}.")
        self.answer.update(repr(found).encode())
