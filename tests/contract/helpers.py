"""What the contract tests share: fixed times, exact comparison, a dump of all tables, a record of statements."""

from __future__ import annotations

import datetime as dt
import pickle
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from trialstore.sql.catalogue import MANY
from trialstore.sql.session import Session
from trialstore.storage import SqlStorage, Status, Storage, StorageError, TunableGroups

UTC = dt.timezone.utc
T0 = dt.datetime(2025, 3, 1, 8, 0, 0, 123456, tzinfo=UTC)

SECRET = "hunter2-s3cret"

MAPPING: dict[str, Any] = {"cache": 64, "ratio": 0.5, "mode": "wal", "fast": True, "extra": None}
TARGETS: dict[str, Any] = {"score": "min"}
GROUPS: dict[str, Any] = {
    "vm": {
        "cost": 100,
        "params": {"size": {"type": "categorical", "values": ["small", "007", "large"], "default": "small"}},
    },
    "kernel": {
        "cost": 1,
        "params": {
            "latency": {"type": "int", "range": [0, 1000], "default": 20, "special": [-1]},
            "ratio": {"type": "float", "range": [0, 1], "default": 0.5},
        },
    },
}


def at(seconds: float) -> dt.datetime:
    """A moment that many seconds after T0."""
    return T0 + dt.timedelta(seconds=seconds)


def make_experiment(storage: Storage, experiment_id: str = "Exp", **changes: Any) -> Storage.Experiment:
    """An experiment that is not entered yet."""
    known: dict[str, Any] = {
        "experiment_id": experiment_id,
        "trial_id": 1,
        "root_env_config": "nowhere/env.jsonc",
        "description": "a test",
        "tunables": MAPPING,
        "opt_targets": TARGETS,
    }
    return storage.experiment(**{**known, **changes})


def groups() -> TunableGroups:
    """Tunables in two groups, all with their defaults."""
    return TunableGroups(GROUPS)


def finish(trial: Storage.Trial, score: Any = 1.5, seconds: float = 10, **more: Any) -> Storage.Trial:
    """Let a trial succeed at `seconds` after T0."""
    trial.update(Status.SUCCEEDED, at(seconds), {"score": score, **more})
    return trial


def start_elsewhere(storage: Storage) -> None:
    """Start a trial of another experiment: the first one in a database also stores what it runs on."""
    with make_experiment(storage, "Elsewhere") as experiment:
        experiment.new_trial({}).update(Status.RUNNING, at(0))


def same(left: Any, right: Any) -> bool:
    """Equal and of the same type all through: NaN is NaN, -0.0 is not 0.0, 1 is not True."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return repr(left) == repr(right)
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def bare(config: dict[str, Any]) -> SqlStorage:
    """A storage that has not looked at its database."""
    return SqlStorage({**config, "lazy_schema_create": True})


def migrate_to(config: dict[str, Any], version: int) -> None:
    """Bring an empty database to an older version."""
    with bare(config) as storage:
        migrator = storage.database.migrator
        migrator.migrations = migrator.migrations[:version]
        with storage.database.session() as session:
            session.prepare(write=True)
            assert [migration.version for migration in migrator.apply(session)] == list(range(1, version + 1))


def ask(session: Session, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a statement written for a test, over the connection of a session."""
    cursor = session.driver_connection.cursor()
    cursor.execute(sql)
    return [tuple(row) for row in cursor.fetchall()]


def query(storage: SqlStorage, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a statement written for a test, past the library."""
    with storage.database.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql).fetchall()]


def execute(storage: SqlStorage, *statements: str) -> None:
    """Change the database past the library, each statement in a transaction of its own."""
    with storage.database.engine.connect() as connection:
        for sql in statements:
            connection.exec_driver_sql(sql).close()
            connection.commit()


def tables(storage: SqlStorage) -> list[str]:
    """Names of all tables, read as the migrator reads them."""
    return sorted(row.table_name for row in storage.database.read(lambda tx: tx.many("schema_tables")))


def dump(storage: SqlStorage) -> dict[str, list[str]]:
    """All rows of all tables."""
    return {name: sorted(map(repr, query(storage, f"SELECT * FROM {name}"))) for name in tables(storage)}


def status_events(storage: SqlStorage, trial: Storage.Trial) -> dict[dt.datetime, str]:
    """The status history of a trial, time → status."""
    decode = storage.database.dialect.decode_ts
    rows = query(storage, "SELECT exp_id, trial_id, ts, status FROM trial_status ORDER BY ts")
    return {decode(row[2]): row[3] for row in rows if (row[0], row[1]) == (trial.experiment_id, trial.trial_id)}


class Odd:
    """Something that cannot be stored, and that shows a secret when it is shown."""

    def __repr__(self) -> str:
        return SECRET


def refused(call: Callable[[], Any], error: type[StorageError], *words: str) -> StorageError:
    """The error of a call, which must be of exactly that class, name the thing, say what to do, and tell no secret."""
    with pytest.raises(StorageError) as caught:
        call()
    found = caught.value
    assert type(found) is error, repr(found)
    for word in words:
        assert word in found.message
    assert found.hint
    told = (str(found), repr(found), repr(pickle.dumps(found)), *traceback.format_exception_only(found))
    assert not any(SECRET in text for text in told)
    return found


def add_results(tx: Session, rows: Sequence[Mapping[str, Any]]) -> int:
    """Write results of one trial, rows of all columns, past the checks of the library."""
    columns = ("metric_id", "metric_value", "value_type")
    same = {key: rows[0][key] for key in ("exp_id", "trial_id")}
    return tx.bulk("result_insert", columns, [tuple(row[name] for name in columns) for row in rows], **same)


class Record:
    """Statements that went to the driver, by their names in the catalogue, and how transactions began and ended."""

    def __init__(self, storage: SqlStorage) -> None:
        statements = storage.database.statements
        dialect = storage.database.dialect
        self._names = {statements.ready(name).sql: name for name in statements.catalogue}
        self._opening = {step.statement for write in (False, True) for step in dialect.begin_steps(write=write)}
        self.names: list[str] = []
        self.settings: list[str] = []
        self.unknown: list[str] = []
        self.many: list[str] = []
        self.begins = 0
        self.commits = 0

    def statement(self, sql: str, many: bool) -> None:
        """A statement is run."""
        name = self._names.get(sql)
        if sql in ("begin", "commit", "rollback"):
            self.begins += sql == "begin"
            self.commits += sql == "commit"
        elif name is None:
            self.unknown.append(sql)
        elif name in self._opening:
            self.begins += name.startswith("begin_")
        elif name.startswith("session_"):
            self.settings.append(name)
        else:
            self.names.append(name.removesuffix(MANY))
            if many or name.endswith(MANY):
                self.many.append(self.names[-1])


@contextmanager
def recorded(storage: SqlStorage) -> Iterator[Record]:
    """Record what this storage runs meanwhile."""
    record = Record(storage)
    statements = storage.database.statements
    before, statements.watch = statements.watch, record.statement
    try:
        yield record
    finally:
        statements.watch = before


def watch(storage: SqlStorage, told: Callable[[str], object]) -> None:
    """Call a function before each statement that this storage runs from now on, with its text; `commit` among them."""

    def before_each(sql: str, _many: bool) -> None:
        told(sql)

    storage.database.statements.watch = before_each
