"""mlos_bench's own command line on our class: end to end, and side by side with its own class."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from reference.commands import (
    EXPERIMENT,
    HARNESS,
    INTERRUPT_AT,
    OURS,
    SKIP,
    THEIRS,
    run,
    storage_config,
    stored,
    succeed,
)
from trialstore.contract.helpers import bare, query

pytest.importorskip("mlos_bench.storage", reason="mlos-bench is not installed: run `tox -e mlos_bench`")

WITH_CHECKS = [sys.executable, "-m", "trialstore.storage.mlos_bench"]
FRAGILE = ("--environment", "fragile.jsonc", *EXPERIMENT)
RUNNERS = ("--scheduler", "runners.jsonc", "--num_trial_runners", "3")


def interrupted_and_resumed(folder: Path, storage: str, *more: str) -> None:
    """A run that Ctrl-C ends within trial 5, and one that goes on."""
    (folder / INTERRUPT_AT).write_text("5", encoding="ascii")
    first = run(folder, HARNESS, *FRAGILE, "--storage", storage, *more, more=SKIP)
    assert first.returncode != 0
    # Of a runner's interrupt the program that started it tells in its own words.
    assert "KeyboardInterrupt" in first.stderr or "A trial runner ended before its trials did" in first.stderr
    assert not (folder / INTERRUPT_AT).exists()
    succeed(run(folder, HARNESS, *FRAGILE, "--storage", storage, *more, more=SKIP))


@pytest.fixture(scope="session")
def of_the_reference(shared_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What mlos_bench's own class holds after that."""
    config = {"drivername": "sqlite", "database": str(tmp_path_factory.mktemp("theirs") / "theirs.sqlite")}
    interrupted_and_resumed(shared_tree, storage_config(shared_tree, "theirs.jsonc", THEIRS, config))
    return stored(config)


def test_an_interrupted_run_leaves_the_same_rows_as_with_the_class_of_mlos_bench(
    shared_tree: Path, database: dict[str, Any], of_the_reference: dict[str, list[Any]]
) -> None:
    interrupted_and_resumed(shared_tree, storage_config(shared_tree, "ours.jsonc", OURS, database))
    found = stored(database)
    assert found == of_the_reference
    assert [row[1] for row in sorted(found["trial"])] == list(range(1, len(found["trial"]) + 1))
    assert {row[-1] for row in found["trial"]} == {"SUCCEEDED"}
    assert len(found["trial"]) > 9
    assert all(len(rows) >= len(found["trial"]) for table, rows in found.items() if table.startswith("trial"))


def test_several_runners_leave_the_same_rows_as_one(
    shared_tree: Path, database: dict[str, Any], of_the_reference: dict[str, list[Any]]
) -> None:
    storage = storage_config(shared_tree, "ours.jsonc", OURS, database)
    interrupted_and_resumed(shared_tree, storage, *RUNNERS)
    assert stored(database) == of_the_reference
    with bare(database) as found:
        assert {row[0] for row in query(found, "SELECT trial_runner_id FROM trial")} == {0, 1, 2}


# Storage configs and mlos_bench's own checks of them


@pytest.fixture
def folder(tmp_path: Path, shared_tree: Path, sqlite: dict[str, Any]) -> Path:
    """The work tree, with a storage config of ours."""
    storage_config(shared_tree, "storage.jsonc", OURS, sqlite)
    return shared_tree


MOCK = ("--environment", "mock.jsonc", *EXPERIMENT, "--storage", "storage.jsonc")


def test_mlos_bench_by_itself_refuses_the_class(folder: Path) -> None:
    refused = run(folder, HARNESS, *MOCK)
    assert refused.returncode != 0
    assert "Failed to validate config" in refused.stderr


@pytest.mark.parametrize(("command", "more"), [(HARNESS, SKIP), (WITH_CHECKS, {})], ids=["skip-checks", "with-checks"])
def test_both_ways_run_an_experiment(
    folder: Path, sqlite: dict[str, Any], command: list[str], more: dict[str, str]
) -> None:
    said = succeed(run(folder, command, *MOCK, more=more))
    assert "Final score" in said
    assert ("skip schema validation" in said) == (more == SKIP)
    assert len(stored(sqlite)["trial"]) == 9


def test_our_start_still_checks_the_other_configs(folder: Path) -> None:
    (folder / "wrong.jsonc").write_text(
        (folder / "mock.jsonc").read_text(encoding="utf-8").replace("mock_env_seed", "mock_env_sed"), encoding="utf-8"
    )
    arguments = [part.replace("mock.jsonc", "wrong.jsonc") for part in MOCK]
    refused = run(folder, WITH_CHECKS, *arguments)
    assert refused.returncode != 0
    assert "Failed to validate config" in refused.stderr
    assert "wrong.jsonc" in refused.stderr


def test_our_start_takes_the_class_of_mlos_bench_as_before(folder: Path, sqlite: dict[str, Any]) -> None:
    storage_config(folder, "storage.jsonc", THEIRS, sqlite)
    succeed(run(folder, WITH_CHECKS, *MOCK))
    storage_config(folder, "storage.jsonc", THEIRS, {**sqlite, "schema_policy": "update"})
    assert "Failed to validate config" in run(folder, WITH_CHECKS, *MOCK).stderr


@pytest.mark.parametrize(("command", "more"), [(HARNESS, SKIP), (WITH_CHECKS, {})], ids=["skip-checks", "with-checks"])
def test_an_unknown_key_is_named_with_the_one_that_was_meant(
    folder: Path, sqlite: dict[str, Any], command: list[str], more: dict[str, str]
) -> None:
    storage_config(folder, "storage.jsonc", OURS, {**sqlite, "lazy_schema_creat": True})
    refused = run(folder, command, *MOCK, more=more)
    assert refused.returncode != 0
    last = refused.stderr.strip().splitlines()[-1]
    assert "config.lazy_schema_creat: unknown key" in last
    assert "Did you mean 'lazy_schema_create'?" in last


def test_the_schema_can_be_made_alone(folder: Path, sqlite: dict[str, Any]) -> None:
    storage_config(folder, "storage.jsonc", OURS, {**sqlite, "lazy_schema_create": True})
    succeed(run(folder, WITH_CHECKS, "--storage", "storage.jsonc", "--create-update-storage-schema-only"))
    with bare({**sqlite, "schema_policy": "verify"}) as storage:
        assert storage.experiments == {}


def test_a_relative_path_is_resolved_as_mlos_bench_does(folder: Path) -> None:
    (folder / "below").mkdir(exist_ok=True)
    (folder / "storage.jsonc").write_text(
        f'{{"class": "{OURS}", "resolve_config_property_paths": ["database"],'
        ' "config": {"drivername": "sqlite", "database": "below/found.sqlite"}}',
        encoding="utf-8",
    )
    (folder / "below" / "found.sqlite").touch()
    succeed(run(folder, WITH_CHECKS, *MOCK))
    assert (folder / "below" / "found.sqlite").stat().st_size > 0
