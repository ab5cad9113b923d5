"""What is stored is what comes back, whatever the zones, orders and modes that a server was set up with."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import pytest

from engines.databases import Database, engines, on_servers
from servers import pgbouncer
from trialstore.contract.helpers import T0, UTC, add_results, at, make_experiment
from trialstore.storage import SqlStorage, Status, ValueRejected

MICROSECOND = dt.timedelta(microseconds=1)
MOMENTS = [
    T0,
    dt.datetime(2, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    dt.datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    # An hour that New York's clocks show twice, and one that they skip.
    dt.datetime(2025, 11, 2, 5, 30, tzinfo=UTC),
    dt.datetime(2025, 11, 2, 6, 30, 0, 1, tzinfo=UTC),
    dt.datetime(2025, 3, 9, 2, 30, tzinfo=UTC),
    dt.datetime(2025, 6, 1, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=14))),
]


def kept(storage: SqlStorage) -> list[dt.datetime]:
    """Each moment as it comes back from every column that holds times, once all of them agree."""
    found = []
    with make_experiment(storage) as experiment:
        for number, moment in enumerate(MOMENTS, 1):
            trial = experiment.new_trial({}, ts_start=moment)
            trial.update_telemetry(Status.RUNNING, moment, [(moment, "cpu", 1), (moment + MICROSECOND, "cpu", 2)])
            trial.update(Status.SUCCEEDED, moment, {"score": 1})
            first, second = (point[0] for point in experiment.load_telemetry(number))
            stored = storage.experiments["Exp"].trials[number]
            assert first == stored.ts_start == stored.ts_end
            assert second - first == MICROSECOND
            assert {first.utcoffset(), stored.ts_start.utcoffset()} == {dt.timedelta(0)}
            found.append(first)
    return found


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("new_york")
def test_times_do_not_depend_on_the_zone_of_the_process(storage: SqlStorage) -> None:
    assert kept(storage) == MOMENTS


@engines("postgresql")
@pytest.mark.parametrize("pooled", [False, True])
def test_times_do_not_depend_on_the_zone_of_the_role_or_database(database: Database, pooled: bool) -> None:
    config = pgbouncer.require().config(database.name) if pooled else database.config()
    database.server.admin(f"ALTER DATABASE {database.name} SET timezone TO 'America/New_York'")
    user = database.server.admin("SELECT current_user")[0][0]
    database.server.admin(f"ALTER ROLE {user} IN DATABASE {database.name} SET timezone TO 'Pacific/Kiritimati'")
    with database.other() as other:
        assert other("SHOW timezone") == [("Pacific/Kiritimati",)]
    with SqlStorage(config) as storage:
        assert kept(storage) == MOMENTS
    rows = database.admin("SELECT ts_start AT TIME ZONE 'UTC' FROM trial ORDER BY trial_id")
    assert [row[0].replace(tzinfo=UTC) for row in rows] == MOMENTS


@engines("mysql")
@pytest.mark.parametrize("zone", ["-11:00", "+12:45"])
def test_times_do_not_depend_on_the_zone_of_the_server(database: Database, zone: str) -> None:
    [(before,)] = database.server.admin("SELECT @@GLOBAL.time_zone")
    database.server.admin(f"SET GLOBAL time_zone = '{zone}'")
    try:
        with SqlStorage(database.config()) as storage:
            assert kept(storage) == MOMENTS
    finally:
        database.server.admin(f"SET GLOBAL time_zone = '{before}'")
    rows = database.admin("SELECT ts_start FROM trial ORDER BY trial_id")
    assert [row[0].replace(tzinfo=UTC) for row in rows] == MOMENTS


# Ids. The last ones differ in how the letter is composed, in case only, and in a space at the end.

IDS = ["A", "Z", "a", "a ", "a\t", "aa", "b", "ss", "a\u0301", "\u00c1", "\u00df", "\u00e1", "\uff21", "\U0001f600"]


def test_ids_are_equal_and_sort_by_byte(storage: SqlStorage) -> None:
    by_byte = sorted(IDS, key=str.encode)
    for number, name in enumerate(reversed(by_byte)):
        with make_experiment(storage, name, description=name, tunables={"t": name}) as experiment:
            experiment.new_trial({}, config={"number": number}).update(
                Status.SUCCEEDED, at(1), {"score": 1, **{f"m{other}": other for other in IDS}}
            )
    found = storage.experiments
    assert list(found) == by_byte
    assert [found[name].description for name in by_byte] == by_byte
    for number, name in enumerate(reversed(by_byte)):
        [trial] = found[name].trials.values()
        assert trial.metadata_dict == {"number": number}
        assert trial.tunable_config.config_dict == {"t": name}
        assert trial.results_dict == {"score": 1, **{f"m{other}": other for other in IDS}}
    assert len({found[name].trials[1].tunable_config_id for name in IDS}) == len(IDS)
    assert storage.get_experiment_by_id("\u00e0", {}, {}) is None


# Values


@pytest.mark.parametrize(
    "text", ["x" * 65_535, "\U0001f600" * 16_383, "x" * 65_536, "é" * 32_768, "\U0001f600" * 16_384], ids=ascii
)
def test_text_past_the_librarys_own_check_is_kept_whole_or_refused(storage: SqlStorage, text: str) -> None:
    row = {"exp_id": "Exp", "trial_id": 1, "metric_id": "m", "metric_value": text, "value_type": "s"}
    with make_experiment(storage) as experiment:
        experiment.new_trial({})
        refused = False
        try:
            storage.database.write(lambda tx: add_results(tx, [row]))
        except ValueRejected:
            refused = True
        assert not (refused and len(text.encode()) <= 65_535)
        assert storage.experiments["Exp"].trials[1].results_dict == ({} if refused else {"m": text})


@on_servers
def test_ids_past_the_librarys_own_check_are_refused(database: Database) -> None:
    with SqlStorage(database.filled()) as storage:
        row = {"exp_id": "x" * (storage.database.dialect.id_length + 1), "description": ""}
        with pytest.raises(ValueRejected):
            storage.database.write(
                lambda tx: tx.count("experiment_insert", **row, root_env_config="", git_repo="", git_commit="")
            )
        assert list(storage.experiments) == ["Exp"]
