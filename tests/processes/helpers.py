"""What the process tests share: children that report to their parent, and looks at the file past the library."""

from __future__ import annotations

import multiprocessing
import sqlite3
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from trialstore.sql.migrator import Migrator
from trialstore.storage import SqlStorage, Storage
from trialstore.storage.config.keys import check_config
from trialstore.storage.database.connections import Database

LIMIT = 60
"""Longest wait for anything, in seconds; what takes longer hangs."""

# A child of the fork server shares nothing with the test's process, and imports neither the library nor a driver again,
# which takes most of a child's time. What is not installed is passed over.
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(
    [
        "trialstore.contract.helpers",
        *("trialstore.dialects.sqlite", "sqlalchemy.dialects.sqlite.pysqlite"),
        *("trialstore.dialects.postgresql", "sqlalchemy.dialects.postgresql.psycopg", "psycopg"),
        *("trialstore.dialects.mysql", "sqlalchemy.dialects.mysql.pymysql", "pymysql"),
    ]
)


class Child:
    """A process that runs `function(pipe, *args)`; both ends may talk through the pipe before it returns."""

    def __init__(
        self, function: Callable[..., Any], *args: Any, context: Any = FORKSERVER, barrier: Any = None
    ) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_run, args=(theirs, barrier, function, args), daemon=True)
        self.process.start()
        theirs.close()
        self.pid = int(self.process.pid)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.pipe.close()
        self.process.close()

    def hear(self, expected: Any) -> None:
        """Wait for this message."""
        kind, content = self._next()
        assert (kind, content) == ("message", expected), content

    def tell(self, message: Any) -> None:
        """Send a message for the child's `listen`."""
        self.pipe.send(message)

    def result(self) -> Any:
        """What the function returned; an AssertionError with the child's traceback if it raised."""
        kind, content = self._next()
        assert kind == "result", content
        self.process.join(LIMIT)
        assert self.process.exitcode == 0
        return content

    def kill(self) -> None:
        """End it with SIGKILL, unless it has ended."""
        self.process.kill()
        self.process.join(LIMIT)

    def _next(self) -> tuple[str, Any]:
        assert self.pipe.poll(LIMIT), "the child said nothing in time"
        kind, content = self.pipe.recv()
        return kind, content


def say(pipe: Connection, message: Any) -> None:
    """Send a message for the parent's `hear`."""
    pipe.send(("message", message))


def listen(pipe: Connection, expected: Any) -> None:
    """In a child: wait for this message of the parent."""
    assert pipe.poll(LIMIT), "the parent said nothing in time"
    assert pipe.recv() == expected


def _run(pipe: Connection, barrier: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        if barrier is not None:
            barrier.wait(LIMIT)
        answer = ("result", function(pipe, *args))
    except BaseException:  # noqa: BLE001 - the parent raises it
        answer = ("error", traceback.format_exc())
    pipe.send(answer)
    pipe.close()


def together(function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Run the function in as many processes as there are arguments, all let go at once; what they returned."""
    barrier = FORKSERVER.Barrier(len(arguments))
    with ExitStack() as stack:
        children = [stack.enter_context(Child(function, *args, barrier=barrier)) for args in arguments]
        return [child.result() for child in children]


# --- the library ------------------------------------------------------------------------------------------------------

TUNABLES = {"size": 0, "mode": "wal", "ratio": 0.5}
TARGETS: dict[str, Any] = {"score": "min"}


def file_config(path: Path, **more: Any) -> dict[str, Any]:
    """The config of a database in this file."""
    return {"drivername": "sqlite", "database": str(path), **more}


def make_experiment(storage: Storage, **changes: Any) -> Storage.Experiment:
    """The experiment that all processes of a test share, not entered yet."""
    known: dict[str, Any] = {
        "experiment_id": "Shared",
        "trial_id": 1,
        "root_env_config": "nowhere/env.jsonc",
        "description": "written by several processes",
        "tunables": TUNABLES,
        "opt_targets": TARGETS,
    }
    return storage.experiment(**{**known, **changes})


def checked_out(storage: SqlStorage) -> int:
    """How many connections of the pool are in use."""
    return int(storage.database.engine.pool.checkedout())  # type: ignore[attr-defined]


def build_at_version(path: Path, version: int, **more: Any) -> None:
    """A database as an older library left it: with the first migrations only."""
    database = Database(check_config(file_config(path, **more)))
    migrator = Migrator(database.dialect)
    migrator.migrations = migrator.migrations[:version]
    with database.session() as session:
        session.prepare(write=True)
        migrator.apply(session)
    database.dispose()


# --- the file ---------------------------------------------------------------------------------------------------------


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection past the library, without transactions of its own."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=LIMIT)) as connection:
        yield connection


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a statement."""
    with raw(path) as connection:
        return connection.execute(sql).fetchall()


def history(path: Path) -> list[tuple[int, str]]:
    """Version and state of each row of the schema's history, in the order in which they were written."""
    return [(row[0], row[1]) for row in rows(path, "SELECT version, state FROM trialstore_schema ORDER BY rowid")]


def definitions(path: Path) -> list[tuple[Any, ...]]:
    """The structure of the database."""
    return rows(path, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name")


def assert_sound(path: Path) -> None:
    """The file is whole, and no row refers to another that is not there."""
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "PRAGMA foreign_key_check") == []
