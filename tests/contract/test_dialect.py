"""What the library asks of a dialect itself, beside its SQL: errors told by their kind, one migrator at a time, one
snapshot for a reading call, the server's version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trialstore.contract.helpers import SECRET, add_results, at, dump, make_experiment, query
from trialstore.dialects.errors import ErrorKind
from trialstore.sql.session import Session
from trialstore.storage import (
    Busy,
    DuplicateKey,
    MissingReference,
    QueryError,
    SqlStorage,
    Storage,
    ValueRejected,
)

ROW = {"exp_id": "Exp", "trial_id": 1, "metric_id": SECRET, "metric_value": SECRET, "value_type": "s"}


def results(*rows: dict[str, Any]) -> Callable[[Session], Any]:
    """Writes results."""
    return lambda tx: add_results(tx, rows)


def gone(tx: Session) -> None:
    """Reads a table that is not there."""
    tx.run_migration("SELECT * FROM trial_gone", "a query")


def nonsense(tx: Session) -> None:
    """What is no statement."""
    tx.run_migration(f"SELEC '{SECRET}'", "no statement")


PROVOKED: dict[str, tuple[Callable[[Session], Any], ErrorKind, type[QueryError]]] = {
    "duplicate": (results(ROW, ROW), ErrorKind.DUPLICATE, DuplicateKey),
    "missing reference": (results({**ROW, "trial_id": 77}), ErrorKind.MISSING_REFERENCE, MissingReference),
    "no value": (results({**ROW, "metric_id": None}), ErrorKind.BAD_VALUE, ValueRejected),
    "missing object": (gone, ErrorKind.MISSING_OBJECT, QueryError),
    "no statement": (nonsense, ErrorKind.OTHER, QueryError),
}


@pytest.mark.parametrize("what", PROVOKED)
def test_an_error_of_the_driver_is_told_by_its_kind_and_without_values(
    storage: SqlStorage, experiment: Storage.Experiment, what: str
) -> None:
    function, kind, cls = PROVOKED[what]
    experiment.new_trial({})
    with pytest.raises(QueryError) as caught:
        storage.database.write(function)
    assert (caught.value.kind, type(caught.value)) == (kind, cls)
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert experiment.load() == ([], [], [], [])  # the storage goes on


def test_a_table_that_is_there_already_is_told_by_its_kind(storage: SqlStorage) -> None:
    def create(tx: Session) -> None:
        tx.run_migration("CREATE TABLE trial_result (x INTEGER)", "a table")

    with pytest.raises(QueryError) as caught:
        storage.database.write(create)
    assert caught.value.kind is ErrorKind.OBJECT_EXISTS


def test_one_migrator_at_a_time(process_config: dict[str, Any]) -> None:
    config = {**process_config, "busy_timeout": 1}
    with SqlStorage(config) as first, SqlStorage(config) as second:
        one, other = (storage.database.migrator for storage in (first, second))
        with first.database.session() as holder, second.database.session() as waiting:
            with one.locked(holder):
                with pytest.raises(Busy), other.locked(waiting):
                    raise AssertionError("two at once")
                waiting.rollback()
                told = second.database.dialect.lock_holder(waiting)
            assert told is None or told.startswith(("process ", "connection ", "session "))
            waiting.rollback()
            with other.locked(waiting):
                assert waiting.many("history_list")


def test_all_statements_of_a_reading_call_see_the_same_moment(shared_config: dict[str, Any]) -> None:
    with SqlStorage(shared_config) as reader, SqlStorage(shared_config) as writer:
        experiment = make_experiment(writer)
        with experiment:
            experiment.new_trial({})

            def read(tx: Session) -> tuple[int, int]:
                before = len(tx.many("trial_list", exp_id="Exp"))
                experiment.new_trial({}, ts_start=at(1))
                return before, len(tx.many("trial_list", exp_id="Exp"))

            assert reader.database.read(read) == (1, 1)
            assert reader.database.read(lambda tx: len(tx.many("trial_list", exp_id="Exp"))) == 2


def test_a_call_that_fails_half_way_leaves_nothing(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    experiment.new_trial({})

    def half(tx: Session) -> None:
        add_results(tx, [{**ROW, "metric_id": "first"}])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        storage.database.write(half)
    assert query(storage, "SELECT metric_id FROM trial_result") == []


@pytest.mark.parametrize("where", ["do_begin", "do_commit", "do_rollback"])
def test_an_interrupt_in_the_driver_leaves_no_transaction_open(
    storage: SqlStorage, experiment: Storage.Experiment, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while a transaction begins, is committed or is undone: the next call finds an idle connection."""
    experiment.new_trial({})
    before = dump(storage)
    ways = storage.database.statements.driver
    real, interrupts = getattr(ways, where), [KeyboardInterrupt()]

    def interrupted(connection: Any) -> None:
        if interrupts:
            raise interrupts.pop()
        real(connection)

    def write(tx: Session) -> None:
        add_results(tx, [{**ROW, "metric_id": "first"}])
        if where == "do_rollback":
            raise ZeroDivisionError

    monkeypatch.setattr(ways, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        storage.database.write(write)
    assert interrupts == []
    assert dump(storage) == before
    assert storage.database.write(lambda tx: add_results(tx, [{**ROW, "metric_id": "second"}])) == 1
    assert query(storage, "SELECT metric_id FROM trial_result") == [("second",)]


def test_the_server_says_which_program_and_version_it_is(storage: SqlStorage) -> None:
    dialect = storage.database.dialect
    with storage.database.session() as session:
        server = dialect.identify(session.driver_connection)
    assert server.version >= dialect.least_versions[server.flavour]
    assert str(server) == f"{server.flavour} {'.'.join(map(str, server.version))}"
