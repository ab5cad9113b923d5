"""What `log_sql` logs, on every engine and in every mode: statements, and never a value."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from trialstore.contract.helpers import SECRET, at, make_experiment
from trialstore.storage import SqlStorage, Status


def use(config: dict[str, Any]) -> None:
    """Write the secret wherever a value can be written, and read it."""
    with SqlStorage(config) as storage:
        experiment = make_experiment(storage, SECRET, description=SECRET, tunables={SECRET: SECRET}).__enter__()
        trial = experiment.new_trial({SECRET: f"{SECRET}2"}, config={SECRET: [SECRET]})
        trial.add_new_config_data({"more": SECRET})
        trial.update_telemetry(Status.RUNNING, at(1), [(at(second), SECRET, SECRET) for second in range(3)])
        trial.update(Status.SUCCEEDED, at(2), {"score": 1, SECRET: SECRET})
        assert len(experiment.load()[0]) == 1
        assert len(storage.experiments[SECRET].results_df) == 1
        assert storage.experiments[SECRET].trials[1].metadata_dict["more"] == SECRET


@pytest.mark.parametrize("log_sql", [False, True])
def test_values_are_in_no_log_at_any_level(
    config: dict[str, Any],
    log_sql: bool,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "psycopg", "pymysql", "duckdb"):
        caplog.set_level(logging.DEBUG, logger=name)
    use({**config, "log_sql": log_sql})
    told = caplog.text.replace(f"Created experiment {SECRET}", "Created it")  # the library's own line names it
    for statement in ("INSERT INTO trial_telemetry", "INSERT INTO experiment", "SELECT", "commit"):
        assert (statement in told) is log_sql
    assert SECRET not in told
    assert SECRET not in "".join(capsys.readouterr())
