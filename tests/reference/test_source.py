"""mlos_bench's newest source, which no release has: its own tests and its programs, with our class as the storage.

Only where the environment names a clone of its repository; what this keeps true without one, newer.py guards.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from matrix import ENGINES, first_mode
from reference.commands import EXPERIMENT, HARNESS, OURS, SKIP, THEIRS, run, storage_config, stored, succeed
from reference.source import runs
from trialstore.contract.helpers import bare, query
from upgrade.reference import MARK, OLD, REFERENCES, Reference

pytest.importorskip("mlos_bench.storage", reason="mlos-bench is not installed: see docs/mlos_bench.md")
pytestmark = pytest.mark.skipif(
    runs.VARIABLE not in os.environ, reason=f"{runs.VARIABLE} names no clone of mlos_bench: see docs/mlos_bench.md"
)

EVERY_ENGINE = [pytest.param(name, marks=pytest.mark.engine(name)) for name in ENGINES]
NOT_OURS = f"--ignore={runs.TESTS}/storage/sql/test_storage_schemas.py"
"""Looks into the schema of alembic."""
GROUPS: dict[str, tuple[int, list[str]]] = {
    "storage": (69, [f"{runs.TESTS}/storage", NOT_OURS]),
    "harness": (
        20,
        [
            *(f"{runs.TESTS}/launcher_{name}_test.py" for name in ("in_process", "run", "parse_args")),
            *(f"{runs.TESTS}/config/{name}" for name in ("cli", "schedulers", "storage")),
        ],
    ),
    "zones": (8, [f"{runs.TESTS}/test_with_alt_tz.py", "-k", "tests/storage"]),
}
"""Name → at least how many tests, and which."""
MOCK = ("--environment", "mock.jsonc", *EXPERIMENT)
RUNNERS = ("--num_trial_runners", "3")
WITH_CHECKS = [sys.executable, "-m", "trialstore.storage.mlos_bench"]
SINGLE = {"duckdb"}
"""Engines whose databases one process at a time can have."""


@pytest.mark.parametrize("group", list(GROUPS))
@pytest.mark.parametrize("engine_name", EVERY_ENGINE)
def test_its_own_tests_pass(
    engine_name: str, group: str, tmp_path: Path, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    least, arguments = GROUPS[group]
    counts = runs.run_tests(engine_name, tmp_path, *arguments)
    record_property("counts", counts)
    with capsys.disabled():
        print(f"\n{group} on {engine_name}: {counts.passed} passed, {counts.skipped} skipped, {counts.failed} failed")
    assert counts.failed == []
    assert counts.passed >= least


# Its command line, with several trial runners


@pytest.fixture(params=EVERY_ENGINE)
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The config of an empty database, of every engine."""
    mode = first_mode(request.param)
    config = mode.create(tmp_path)
    yield config
    if mode.drop:
        mode.drop(config)


@pytest.fixture(scope="session")
def of_the_source(shared_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What its own class holds after a run with three trial runners."""
    config = {"drivername": "sqlite", "database": str(tmp_path_factory.mktemp("theirs") / "theirs.sqlite")}
    storage = storage_config(shared_tree, "theirs.jsonc", THEIRS, config)
    succeed(run(shared_tree, HARNESS, *MOCK, "--storage", storage, *RUNNERS))
    return stored(config)


@pytest.mark.parametrize("parallel", [False, True], ids=["in-turn", "in-processes-of-their-own"])
def test_several_runners_leave_the_same_rows_as_with_its_own_class(
    shared_tree: Path, any_database: dict[str, Any], of_the_source: dict[str, list[Any]], parallel: bool
) -> None:
    storage = storage_config(shared_tree, "ours.jsonc", OURS, any_database)
    command, more = WITH_CHECKS, {}
    arguments = [*MOCK, "--storage", storage, *RUNNERS]
    if parallel:
        # Of a config's keys, those that are there are taken from the command line.
        scheduler = {"class": "parallel.ParallelScheduler", "config": {"trial_config_repeat_count": 1}}
        (shared_tree / "parallel.jsonc").write_text(json.dumps(scheduler), encoding="utf-8")
        one = ["--one_at_a_time", "1"] if any_database["drivername"] in SINGLE else []
        command, more = HARNESS, {**SKIP, "PYTHONPATH": str(Path(runs.__file__).parent)}
        arguments += ["--scheduler", "parallel.jsonc", *one]
    succeed(run(shared_tree, command, *arguments, more=more))
    assert stored(any_database) == of_the_source
    assert {row[-1] for row in of_the_source["trial"]} == {"SUCCEEDED"}
    assert len(of_the_source["trial"]) > 8
    with bare(any_database) as found:
        assert {row[0] for row in query(found, "SELECT trial_runner_id FROM trial")} == {1, 2, 3}


# A database that both classes use in turn

ALTERNATE = Path(runs.__file__).with_name("alternate.py")


def used(folder: Path, class_name: str, config: dict[str, Any], experiment_id: str) -> dict[str, Any]:
    """Let a class run a trial in the database; what it then reads."""
    found: dict[str, Any] = json.loads(
        succeed_quietly(run(folder, [sys.executable, str(ALTERNATE)], class_name, json.dumps(config), experiment_id))
    )
    return found


def succeed_quietly(done: Any) -> str:
    succeed(done)
    return str(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("begun", ["by-the-source", "by-ours"])
@pytest.mark.parametrize(
    "reference",
    [
        pytest.param(each, marks=pytest.mark.engine(each.engine), id=each.engine)
        for each in REFERENCES
        if each is not OLD
    ],
)
def test_a_database_goes_back_and_forth_between_both_classes(
    reference: Reference, begun: str, shared_tree: Path, tmp_path: Path
) -> None:
    mode = first_mode(reference.engine)
    config = mode.create(tmp_path)
    # Under the other name, its class keeps times without their fraction.
    theirs = {**config, "drivername": config["drivername"].replace("mariadb", "mysql")}
    ours = {**config, "schema_policy": "update"}
    if begun == "by-the-source":
        reference.load(config)
    else:
        used(shared_tree, OURS, ours, "Exp-7-0")
    turns = [
        used(shared_tree, name, settings, "Exp-7-0")
        for name, settings in ((THEIRS, theirs), (OURS, ours), (THEIRS, theirs), (OURS, ours), (THEIRS, theirs))
    ]
    first = turns[0]["made"]
    assert [turn["made"] for turn in turns] == list(range(first, first + 5))
    for before, after in itertools.pairwise(turns):
        new = {str(after["made"]): after["experiments"]["Exp-7-0"][str(after["made"])]}
        kept = {**before["experiments"], "Exp-7-0": {**before["experiments"]["Exp-7-0"], **new}}
        assert after["experiments"] == kept
        assert after["objectives"] == before["objectives"]
        assert [column[:-1] for column in after["loaded"]] == before["loaded"]
        (made,) = new.values()
        assert made["metadata"] == {"by": made["metadata"]["by"], "host": "a"}
        assert (made["runner"], made["results"]) == (2, {"score": 1.25, "throughput": 7, "note": "ok"})
    with bare(config) as storage:
        assert query(storage, f"SELECT version_num FROM {MARK}") == [(reference.revision,)]
    if mode.drop:
        mode.drop(config)
