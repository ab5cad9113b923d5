"""mlos_bench's own command line, run in a work tree, and what it leaves in a database."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from trialstore.contract.helpers import bare, query

HERE = Path(__file__).parent
OURS = "trialstore.storage.mlos_bench.SqlStorage"
THEIRS = "mlos_bench.storage.sql.storage.SqlStorage"
INTERRUPT_AT = "INTERRUPT_AT"  # as in fragile.py
SKIP = {"MLOS_BENCH_SKIP_SCHEMA_VALIDATION": "true"}
HARNESS = [str(Path(sys.executable).with_name("mlos_bench"))]
EXPERIMENT = ("--optimizer", "optimizer.jsonc", "--experiment_id", "Mock", "--trial_config_repeat_count", "3")

# What the two storages must agree in. Times differ from run to run; config ids are compared by what they stand for.
TABLES = {
    "experiment": "exp_id, description, root_env_config, git_repo, git_commit",
    "objectives": "exp_id, optimization_target, optimization_direction, weight",
    "config": "config_hash",
    "config_param": "config_hash, param_id, param_value",
    "trial": "exp_id, trial_id, config_hash, status",
    "trial_param": "exp_id, trial_id, param_id, param_value",
    "trial_status": "exp_id, trial_id, status",
    "trial_result": "exp_id, trial_id, metric_id, metric_value",
    "trial_telemetry": "exp_id, trial_id, metric_id, metric_value",
}


def make_work_tree(folder: Path) -> Path:
    """A git work tree with the configs; mlos_bench must be started in one."""
    shutil.copytree(HERE / "work", folder)
    identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    origin = ["remote", "add", "origin", "https://example.org/x.git"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "start"], origin):
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return folder


def storage_config(folder: Path, name: str, class_name: str, config: dict[str, Any]) -> str:
    """Write a storage config for mlos_bench; the name of its file."""
    (folder / name).write_text(json.dumps({"class": class_name, "config": config}), encoding="utf-8")
    return name


def run(
    folder: Path, command: list[str], *arguments: str, more: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in the work tree; what its configs name is found beside this file."""
    environment = {**os.environ, "PYTHONPATH": str(HERE), **(more or {})}
    environment.pop("TRIALSTORE_RESULTS", None)
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        preexec_fn=_take_interrupts,
    )


def _take_interrupts() -> None:
    """Ctrl-C ends the command, also where the tests themselves were started in the background, and ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def succeed(done: subprocess.CompletedProcess[str]) -> str:
    """All that a command wrote; it must have ended well."""
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return done.stdout + done.stderr


def stored(config: dict[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of mlos_bench's tables, without times and numbers that another run would have otherwise."""
    with bare(config) as storage:
        return {
            table: sorted(query(storage, f"SELECT {columns} FROM {_source(table)}"), key=repr)
            for table, columns in TABLES.items()
        }


def _source(table: str) -> str:
    joined = table in ("trial", "config_param")
    return f"{table} JOIN config USING (config_id)" if joined else table
