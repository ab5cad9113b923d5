"""What a call costs where it is counted best: round trips on the wire of a server, statements in the engine or driver.

The numbers are those of the table in docs/performance.md, which is read here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import servers
from engines.databases import SERVERS
from matrix import ENGINES
from servers.proxy import Proxy
from trialstore.contract.helpers import TARGETS, at, make_experiment
from trialstore.storage import NewTrial, SqlStorage, Status, Storage

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
COLUMNS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB", "duckdb": "DuckDB"}
"""Engine → its column."""
WARM = 8
"""Calls before the one that is counted: a new connection, and psycopg's preparing of what it has seen five times."""
METADATA = {"note": "x", "n": 1}
RESULTS = {**dict.fromkeys(TARGETS, 1.5), "a": 1, "b": 2.5, "c": "x", "d": True}

Call = Callable[[], Any]
Count = Callable[[], int]
"""How much there was until now."""
Listen = Callable[[SqlStorage], Count]
"""Begins to count what a storage does."""
Calls = dict[str, Callable[[int], Call]]
"""Operation → number of the call → what is counted, with all that it needs made before."""


def calls(storage: SqlStorage, experiment: Storage.Experiment) -> Calls:
    """The calls of the table."""

    def trial(number: int) -> Storage.Trial:
        return experiment.new_trial({"cache": number}, ts_start=at(0), config=METADATA)

    def update(status: Status, metrics: dict[str, Any] | None, number: int) -> Call:
        held = trial(number)
        if metrics:
            held.update(Status.RUNNING, at(1))
        return partial(held.update, status, at(2), metrics)

    def telemetry(points: int, number: int) -> Call:
        sent = [(at(second), "cpu", second / 7) for second in range(points)]
        return partial(trial(number).update_telemetry, Status.RUNNING, at(1), sent)

    def claim(number: int) -> Call:
        trial(number)
        return partial(experiment.claim_trials, 1)

    def many(number: int) -> Call:
        wanted = [NewTrial({"cache": 1_000 * number + each}, config=METADATA) for each in range(100)]
        return partial(experiment.new_trials, wanted)

    def read(what: str, _number: int) -> Call:
        return partial(getattr, storage.experiments["Exp"], what)

    return {
        "`new_trial`, new config": lambda n: partial(experiment.new_trial, {"cache": -n}, config=METADATA),
        "`new_trial`, known config": lambda _: partial(experiment.new_trial, {"cache": 5}, config=METADATA),
        "`new_trials` of 100": many,
        "`claim_trials`": claim,
        "`update` to RUNNING": partial(update, Status.RUNNING, None),
        "`update` to SUCCEEDED, 5 metrics": partial(update, Status.SUCCEEDED, RESULTS),
        "`update_telemetry` of 1": partial(telemetry, 1),
        "`update_telemetry` of 100": partial(telemetry, 100),
        "`update_telemetry` of 10,000": partial(telemetry, 10_000),
        "`renew_lease`": lambda n: claim(n)()[0].renew_lease,
        "`pending_trials`": lambda _: lambda: list(experiment.pending_trials(at(1), running=True)),
        "`load`": lambda _: experiment.load,
        "`experiments`": lambda _: lambda: storage.experiments,
        "`results_df`": partial(read, "results_df"),
        "`trials_df`": lambda _: storage.experiments["Exp"].trials_df,
        "`telemetry_df`": lambda _: partial(getattr, storage.experiments["Exp"].trials[1], "telemetry_df"),
    }


@contextmanager
def on_the_wire(engine: str) -> Iterator[tuple[dict[str, Any], Listen]]:
    """A database, and the count of round trips."""
    server = servers.require(engine)
    name = server.create_database()
    try:
        with Proxy(server) as proxy:
            yield proxy.config(name), lambda _storage: lambda: proxy.round_trips
    finally:
        server.drop_database(name)


def in_sqlite(storage: SqlStorage) -> Count:
    """What the engine itself says that it runs; the rows of one `executemany` count once."""
    ran: list[str] = []

    def run(sql: str) -> None:
        head = re.split(r"\bVALUES\b", sql)[0]
        if not head.startswith("INSERT") or not ran or ran[-1] != head:
            ran.append(head)

    with storage.database.session() as session:
        session.driver_connection.set_trace_callback(run)
    return lambda: len(ran)


def in_duckdb(storage: SqlStorage, monkeypatch: pytest.MonkeyPatch) -> Count:
    """What the driver is asked for, which keeps no account of its own."""
    ran: list[str] = []

    def counted(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: Any, **more: Any) -> Any:
            ran.append(name)
            return real(*args, **more)

        monkeypatch.setattr(owner, name, call)

    import duckdb_engine

    for name in ("execute", "executemany"):
        counted(duckdb_engine.CursorWrapper, name)
    ways = storage.database.statements.driver
    for name in ("do_begin", "do_commit"):
        counted(ways, name)
    return lambda: len(ran)


def expected(engine: str) -> dict[str, int]:
    """The column of an engine in the table of the page."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    (head,) = [row for row in rows if row[0] == "call" and COLUMNS[engine] in row]
    column = head.index(
        {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB", "duckdb": "DuckDB"}[engine]
    )
    start = rows.index(head) + 2
    found = {}
    for row in rows[start:]:
        if len(row) != len(head) or not row[column].isdigit():
            break
        found[row[0]] = int(row[column])
    return found


@pytest.mark.parametrize("engine", [pytest.param(name, marks=pytest.mark.engine(name)) for name in ENGINES])
def test_each_call_costs_what_the_page_says(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: dict[str, int] = {}
    if engine in SERVERS:
        with on_the_wire(engine) as (config, listen):
            measured = measure(config, listen)
    elif engine == "sqlite":
        measured = measure({"drivername": engine, "database": str(tmp_path / "trials")}, in_sqlite)
    else:
        config = {"drivername": engine, "database": str(tmp_path / "trials")}
        measured = measure(config, lambda storage: in_duckdb(storage, monkeypatch))
    assert measured == expected(engine)


def measure(config: dict[str, Any], listen: Listen) -> dict[str, int]:
    """Operation → what its call costs when its statements are known to the driver."""
    found = {}
    with SqlStorage(config) as storage, make_experiment(storage) as experiment:
        experiment.new_trial({"cache": 5}, ts_start=at(0) + dt.timedelta(days=50_000))
        count = listen(storage)
        for operation, prepare in calls(storage, experiment).items():
            for number in range(WARM):
                prepare(number)()
            last = prepare(WARM)
            before = count()
            last()
            found[operation] = count() - before
    return found
