"""The page for users of mlos_bench runs as written, in a work tree with a database that mlos_bench made."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reference.commands import HARNESS, OURS, THEIRS, make_work_tree, run, storage_config, stored, succeed
from trialstore.contract.helpers import bare, query

pytest.importorskip("mlos_bench.storage", reason="mlos-bench is not installed: run `tox -e mlos_bench`")
pytestmark = pytest.mark.engine("sqlite")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "mlos_bench.md").read_text(encoding="utf-8")
SHELL, PYTHON = (re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL) for kind in ("sh", "python"))
INSTALL, RUN, RUN_UNCHECKED, ADOPT, CONTINUE, BACK, _OF_THE_SOURCE = SHELL


def settings(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / name, encoding="utf-8")
    return parser


def shell(folder: Path, block: str) -> str:
    """Run a block of commands, of which none may fail; the programs are those beside this Python."""
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    done = subprocess.run(
        ["sh", "-ec", block], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    return succeed(done)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A work tree with the storage configs that the page speaks of."""
    work = make_work_tree(tmp_path / "work")
    for name, text in re.findall(r"```json5\n// (\S+)\n(.*?)```", PAGE, re.DOTALL):
        (work / name).write_text(text, encoding="utf-8")
    old = {"drivername": "sqlite", "database": "old.sqlite"}
    storage_config(work, "old.jsonc", THEIRS, old)
    storage_config(work, "adopted.jsonc", OURS, {**old, "schema_policy": "verify"})
    return work


@pytest.mark.parametrize("block", [RUN, RUN_UNCHECKED], ids=["checked", "unchecked"])
def test_both_commands_run_an_experiment_that_python_then_reads(folder: Path, block: str) -> None:
    assert (folder / "storage.jsonc").is_file()
    assert "Final score" in shell(folder, block)
    done = run(folder, [sys.executable, "-c", "\n".join(PYTHON)])
    assert 60 <= float(done.stdout) <= 120, done.stderr
    assert done.returncode == 0, done.stderr


def rows(folder: Path) -> dict[str, list[Any]]:
    return stored({"drivername": "sqlite", "database": str(folder / "old.sqlite")})


def test_a_database_is_adopted_continued_and_taken_back_and_nothing_is_lost(folder: Path) -> None:
    config = {"drivername": "sqlite", "database": str(folder / "old.sqlite")}
    succeed(run(folder, HARNESS, "--config", "cli.jsonc", "--storage", "old.jsonc"))
    trials = [len(rows(folder)["trial"])]
    for block in (ADOPT, CONTINUE, *BACK.splitlines()):
        before = rows(folder)
        with bare(config) as storage:
            moments = query(storage, "SELECT trial_id, ts_start, ts_end FROM trial ORDER BY trial_id")
        shell(folder, block)
        after = rows(folder)
        assert {table: [row for row in before[table] if row not in after[table]] for table in before} == {
            table: [] for table in before
        }
        trials.append(len(after["trial"]))
        with bare(config) as storage:
            assert (
                query(storage, "SELECT trial_id, ts_start, ts_end FROM trial ORDER BY trial_id")[: len(moments)]
                == moments
            )
            assert query(storage, "SELECT version_num FROM alembic_version") == [("f83fb8ae7fc4",)]
    # Adoption adds nothing; each of the three runs goes on with the next ids. The second asks for one config more than
    # the first, since the optimizer knows the defaults by then; the others for the same ones again.
    assert trials == [9, 9, 18, 27, 36]
    found = rows(folder)
    assert [row[1] for row in sorted(found["trial"])] == list(range(1, 37))
    assert {row[-1] for row in found["trial"]} == {"SUCCEEDED"}
    assert len(found["config"]) == 4


def test_the_reference_reads_what_ours_added_to_its_database(folder: Path) -> None:
    succeed(run(folder, HARNESS, "--config", "cli.jsonc", "--storage", "old.jsonc"))
    shell(folder, ADOPT + CONTINUE)
    read = (
        "import json, sys\n"
        "from {module} import SqlStorage\n"
        "data = SqlStorage({{'drivername': 'sqlite', 'database': 'old.sqlite'}}).experiments['Mock']\n"
        "found = [[str(t.status), t.results_dict, t.metadata_dict, t.tunable_config.config_dict,"
        " t.telemetry_df.astype(str).to_numpy().tolist(), str(t.ts_start), str(t.ts_end)]"
        " for t in data.trials.values()]\n"
        "print(json.dumps([found, data.objectives, data.results_df.drop(columns='trial_runner_id', errors='ignore')"
        "[['trial_id', 'status', 'result.score', 'config.latency']].to_numpy().tolist()]))"
    )
    theirs, ours = (
        run(folder, [sys.executable, "-c", read.format(module=name.rpartition(".")[0])]) for name in (THEIRS, OURS)
    )
    assert theirs.stdout.splitlines()[-1] == ours.stdout.splitlines()[-1], theirs.stderr[-2000:]
    assert theirs.stdout.count("Status.SUCCEEDED") == 18


def test_sqlite_databases_are_adopted_when_they_are_opened(folder: Path) -> None:
    succeed(run(folder, HARNESS, "--config", "cli.jsonc", "--storage", "old.jsonc"))
    storage_config(folder, "storage.jsonc", OURS, {"drivername": "sqlite", "database": "old.sqlite"})
    shell(folder, RUN)
    assert len(rows(folder)["trial"]) == 18


def test_a_database_made_by_our_class_is_opened_by_the_one_of_mlos_bench(folder: Path) -> None:
    shell(folder, RUN)
    storage_config(folder, "back.jsonc", THEIRS, {"drivername": "sqlite", "database": "bench.sqlite"})
    succeed(run(folder, HARNESS, "--config", "cli.jsonc", "--storage", "back.jsonc"))
    shell(folder, RUN)
    found = stored({"drivername": "sqlite", "database": str(folder / "bench.sqlite")})
    assert [row[1] for row in sorted(found["trial"])] == list(range(1, 28))


def test_the_extra_installs_what_the_tests_have() -> None:
    assert INSTALL == "pip install 'trialstore[mlos_bench]'\n"
    extra = settings("setup.cfg")["options.extras_require"]["mlos_bench"].replace(" ", "").split("\n")
    assert {"pytz", "sqlalchemy<2.1"} <= set(extra)
    assert any(line.startswith("mlos-bench>=") for line in extra)
