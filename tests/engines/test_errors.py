"""Real statements that provoke every kind of error on every engine; no value that was bound shows in any of them."""

from __future__ import annotations

import pickle
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import matrix
import servers
from engines.databases import SERVERS, Config, Database, refusal
from trialstore.contract.helpers import SECRET, add_results, execute, make_experiment
from trialstore.dialects.errors import ErrorKind
from trialstore.sql.session import Session
from trialstore.storage import (
    Busy,
    ConnectError,
    DuplicateKey,
    MissingReference,
    PermissionDenied,
    QueryError,
    ServerUnreachable,
    SqlStorage,
    StorageError,
    ValueRejected,
)
from upgrade.databases import drop_views

ROW = {"exp_id": "Exp", "trial_id": 1, "metric_id": SECRET, "metric_value": SECRET, "value_type": "s"}
CLASSES = {
    ErrorKind.DUPLICATE: DuplicateKey,
    ErrorKind.MISSING_REFERENCE: MissingReference,
    ErrorKind.PERMISSION: PermissionDenied,
    ErrorKind.BUSY: Busy,
    ErrorKind.ENDED: Busy,
    ErrorKind.BAD_VALUE: ValueRejected,
    ErrorKind.CANNOT_CONNECT: ConnectError,
    ErrorKind.UNREACHABLE: ServerUnreachable,
}


@dataclass
class Case:
    """An engine, and a storage of it with one trial."""

    engine: str
    config: Config
    storage: SqlStorage

    @property
    def database(self) -> Database:
        """The database on its server."""
        return Database(servers.require(self.engine), self.config["database"])

    def write(self, function: Callable[[Session], Any]) -> StorageError:
        """The error of a writing transaction."""
        return refusal(lambda: self.storage.database.write(function))

    def insert(self, *rows: dict[str, Any]) -> StorageError:
        """The error of writing results."""
        return self.write(lambda tx: add_results(tx, rows))

    def opened(self, **more: Any) -> SqlStorage:
        """Another storage of the same database."""
        return SqlStorage({**self.config, **more})


def missing_object(case: Case) -> StorageError:
    drop_views(case.storage)
    execute(case.storage, "DROP TABLE trial_result")
    return case.insert(ROW)


def object_exists(case: Case) -> StorageError:
    return case.write(lambda tx: tx.run_migration("CREATE TABLE trial_result (x INTEGER)", "a table"))


def no_statement(case: Case) -> StorageError:
    return case.write(lambda tx: tx.run_migration(f"SELEC '{SECRET}'", "no statement"))


def read_only_transaction(case: Case) -> StorageError:
    return refusal(lambda: case.storage.database.read(lambda tx: add_results(tx, [ROW])))


def read_only_file(**more: Any) -> Callable[[Case], StorageError]:
    def provoke(case: Case) -> StorageError:
        case.storage.dispose()
        with case.opened(
            **{key: value.format(**case.config) if key == "database" else value for key, value in more.items()}
        ) as storage:
            return refusal(lambda: storage.database.write(lambda tx: add_results(tx, [ROW])))

    return provoke


def row_of_another(case: Case) -> StorageError:
    """The same row, written and not committed by another connection."""
    with case.database.other() as other, case.opened(busy_timeout=1) as storage:
        other("BEGIN")
        other(
            "INSERT INTO trial_result (exp_id, trial_id, metric_id, metric_value) VALUES (%s, 1, %s, %s)",
            *("Exp", SECRET, SECRET),
        )
        try:
            return refusal(lambda: storage.database.write(lambda tx: add_results(tx, [ROW])))
        finally:
            other("ROLLBACK")


def file_of_another(case: Case) -> StorageError:
    with case.opened(busy_timeout=0) as storage, storage.database.session() as session:
        session.begin(write=True)
        with case.opened(busy_timeout=0) as second:
            return refusal(lambda: second.database.write(lambda tx: add_results(tx, [ROW])))


def stale_snapshot(case: Case) -> StorageError:
    def write(tx: Session) -> None:
        tx.run_migration("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "stricter")
        tx.many("experiment_list")
        case.database.admin("UPDATE trial SET status = status")
        tx.count("trial_finish", exp_id="Exp", trial_id=1, ts_end=None, status=SECRET, fence=0)

    return case.write(write)


def deadlock(case: Case) -> StorageError:
    """The server ends the transaction that has changed fewer rows."""
    with make_experiment(case.storage) as experiment:
        experiment.new_trial({})
    with case.database.other() as other:
        thread = threading.Thread(
            target=other, args=("UPDATE trial SET trial_runner_id = 1 WHERE exp_id = 'Exp' AND trial_id = 1",)
        )

        def write(tx: Session) -> None:
            tx.execute("trial_set_runner", exp_id="Exp", trial_id=1, trial_runner_id=7)
            thread.start()
            while not case.database.admin("SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"):
                assert thread.is_alive()
            tx.count("trial_finish", exp_id="Exp", trial_id=2, ts_end=None, status=SECRET, fence=0)

        other("BEGIN")
        other("INSERT INTO config (config_hash) VALUES ('1'), ('2'), ('3'), ('4'), ('5')")
        other("UPDATE trial SET trial_runner_id = 1 WHERE exp_id = 'Exp' AND trial_id = 2")
        try:
            return case.write(write)
        finally:
            thread.join()
            other("ROLLBACK")


def met_at_commit(case: Case) -> StorageError:
    with case.opened() as second:

        def write(tx: Session) -> None:
            add_results(tx, [ROW])
            second.database.write(lambda other: add_results(other, [ROW]))

        return case.write(write)


def ended(case: Case) -> StorageError:
    def write(tx: Session) -> None:
        tx.many("experiment_list")
        case.database.end_connections()
        add_results(tx, [ROW])

    return case.write(write)


LIMIT = {
    "postgresql": "SET LOCAL statement_timeout = 100",
    "mysql": "SET /*!80000 max_execution_time = 100 */ /*M!100600 max_statement_time = 0.1 */",
}


def out_of_time(case: Case) -> StorageError:
    def write(tx: Session) -> None:
        tx.run_migration(LIMIT[case.engine], "limit")
        tx.run_migration(
            "SELECT count(*) FROM {0} AS a, {0} AS b, {0} AS c, {0} AS d".format(MANY_ROWS[case.engine]), "long"
        )

    return case.write(write)


MANY_ROWS = {"postgresql": "pg_catalog.pg_proc", "mysql": "information_schema.collations"}


def no_database(case: Case) -> StorageError:
    case.storage.dispose()
    Path(case.config["database"]).write_text(SECRET * 500, encoding="ascii")
    return refusal(case.opened)


PROVOKED: dict[ErrorKind, Callable[[Case], StorageError]] = {
    ErrorKind.DUPLICATE: lambda case: case.insert(ROW, ROW),
    ErrorKind.MISSING_REFERENCE: lambda case: case.insert({**ROW, "exp_id": SECRET}),
    ErrorKind.MISSING_OBJECT: missing_object,
    ErrorKind.OBJECT_EXISTS: object_exists,
    ErrorKind.BAD_VALUE: lambda case: case.insert({**ROW, "metric_id": None}),
    ErrorKind.OTHER: no_statement,
}
ON_SERVERS = {
    ErrorKind.PERMISSION: read_only_transaction,
    ErrorKind.BUSY: row_of_another,
    ErrorKind.ENDED: out_of_time,
    ErrorKind.DISCONNECTED: ended,
    ErrorKind.CANNOT_CONNECT: lambda case: refusal(lambda: case.opened(password=SECRET)),
    ErrorKind.UNREACHABLE: lambda case: refusal(lambda: case.opened(port=1)),  # nobody listens there
}
OWN: dict[str, dict[ErrorKind, Callable[[Case], StorageError]]] = {
    "postgresql": {**ON_SERVERS, ErrorKind.DEADLOCK: stale_snapshot},
    "mysql": {**ON_SERVERS, ErrorKind.DEADLOCK: deadlock},
    "sqlite": {
        ErrorKind.PERMISSION: read_only_file(database="file:{database}?mode=ro"),
        ErrorKind.BUSY: file_of_another,
        ErrorKind.CANNOT_CONNECT: no_database,
    },
    "duckdb": {
        ErrorKind.PERMISSION: read_only_file(read_only=True),
        ErrorKind.DEADLOCK: met_at_commit,
        ErrorKind.CANNOT_CONNECT: no_database,
    },
}
NEVER = {
    ("sqlite", ErrorKind.ENDED): "nobody else can end a statement",
    ("duckdb", ErrorKind.ENDED): "nobody else can end a statement",
    ("sqlite", ErrorKind.DEADLOCK): "one writer at a time, which takes its lock before it reads",
    ("sqlite", ErrorKind.DISCONNECTED): "there is no connection that could break",
    ("sqlite", ErrorKind.UNREACHABLE): "there is no server",
    ("duckdb", ErrorKind.UNREACHABLE): "there is no server",
    ("duckdb", ErrorKind.BUSY): "a transaction that meets another one fails at once",
    ("duckdb", ErrorKind.DISCONNECTED): "there is no connection that could break",
}
CASES = [
    pytest.param(engine, kind, id=f"{engine}-{kind.value}", marks=pytest.mark.engine(engine))
    for engine in matrix.ENGINES
    for kind in ErrorKind
    if (engine, kind) not in NEVER
]


@pytest.mark.parametrize(("engine", "kind"), CASES)
def test_an_error_is_told_by_its_kind_and_without_values(
    engine: str, kind: ErrorKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = matrix.make_config(engine, tmp_path)
    monkeypatch.setattr("trialstore.storage.database.connections.MAX_ATTEMPTS", 1)
    with SqlStorage(config) as storage:
        with make_experiment(storage) as experiment:
            experiment.new_trial({})
        error = {**PROVOKED, **OWN[engine]}[kind](Case(engine, config, storage))
    assert type(error) is CLASSES.get(kind, QueryError), repr(error)
    if isinstance(error, QueryError):
        assert error.kind is kind
        passing = (ErrorKind.BUSY, ErrorKind.ENDED, ErrorKind.DEADLOCK, ErrorKind.DISCONNECTED)
        assert error.kind.retryable is (kind in passing)
    assert_tells_no_value(error)


def assert_tells_no_value(error: StorageError) -> None:
    """No text that can be made of the error, or of what is in its chain, holds the secret."""
    assert error.message
    link: BaseException | None = error
    while link is not None:
        for text in (str(link), repr(link), repr(link.args), repr(vars(link)), *traceback.format_exception(link)):
            assert SECRET not in text
        link = link.__cause__ or link.__context__
    assert SECRET.encode() not in pickle.dumps(error)
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), str(twin)) == (type(error), str(error))


@pytest.mark.parametrize("engine", [pytest.param(name, marks=pytest.mark.engine(name)) for name in SERVERS])
def test_a_value_that_is_too_long_is_a_bad_value(engine: str, tmp_path: Path) -> None:
    config = matrix.make_config(engine, tmp_path)
    with SqlStorage(config) as storage:
        with make_experiment(storage) as experiment:
            experiment.new_trial({})
        error = Case(engine, config, storage).insert({**ROW, "metric_id": SECRET * 50})
    assert type(error) is ValueRejected
    assert_tells_no_value(error)


@pytest.mark.engine("postgresql")
def test_what_a_trigger_of_the_administrators_says_is_not_repeated(tmp_path: Path) -> None:
    config = matrix.make_config("postgresql", tmp_path)
    with SqlStorage(config) as storage:
        make_experiment(storage).__enter__()
        execute(
            storage,
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no %% here', NEW.metric_value; END $$",
            "CREATE TRIGGER refuse BEFORE INSERT ON trial_result FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
        assert_tells_no_value(Case("postgresql", config, storage).insert(ROW))
