"""Rows whose ids are those of their parents but for the letter case, which 0010 lets compare by byte."""

from __future__ import annotations

import pytest

from deploy.commands import Run, changed, ok, refused, snapshot
from engines.databases import Database, engines
from trialstore.contract.helpers import bare
from trialstore.contract.modes import Config
from trialstore.storage import MigrationBlocked, SqlStorage

EXPERIMENT = (
    "INSERT INTO experiment (exp_id, description, root_env_config, git_repo, git_commit) VALUES ('Exp', '', '', '', '')"
)
CONFIG = "INSERT INTO config (config_hash) VALUES ('x')"
TRIAL = (
    "INSERT INTO trial (exp_id, trial_id, config_id, ts_start, status)"
    " SELECT '{}', 1, config_id, '2026-01-01', 'PENDING' FROM config"
)
STATUS = "INSERT INTO trial_status (exp_id, trial_id, ts, status) VALUES ('{}', 1, '2026-01-01', 'PENDING')"
LINEAGE = "INSERT INTO trial_lineage (exp_id, trial_id, source_exp_id, source_trial_id) VALUES ('Gone', 1, 'a', 1)"
# docs/dba.md has them
REPAIR = (
    "SET SESSION foreign_key_checks = 0",
    "UPDATE trial AS c INNER JOIN experiment AS p ON p.exp_id = c.exp_id SET c.exp_id = p.exp_id",
    (
        "UPDATE trial_status AS c INNER JOIN trial AS p ON p.exp_id = c.exp_id AND p.trial_id = c.trial_id"
        " SET c.exp_id = p.exp_id"
    ),
)


EXACT = "/*!80000 utf8mb4_0900_bin */ /*M!100600 utf8mb4_nopad_bin */"


def as_mlos_bench_makes_it(config: Config, version: int) -> None:
    """A database whose ids compare as the language does, which 0010 changes."""
    with bare(config) as storage, storage.database.session() as session:
        migrator, ours = storage.database.migrator, storage.database.migrator.migrations
        migrator.migrations = (*changed(ours[:4], (EXACT, "utf8mb4_general_ci")), *ours[4:])
        session.prepare(write=True)
        migrator.apply(session, version)


def run_all(database: Database, *statements: str) -> None:
    with database.other() as session:
        for statement in statements:
            session(statement)


@engines("mysql")
@pytest.mark.parametrize("version", [1, 9])
@pytest.mark.parametrize("trial", ["Exp", "exp", "EXP "])
def test_ids_that_differ_in_letter_case_are_told_before_anything_is_changed(
    server_database: Database, run: Run, version: int, trial: str
) -> None:
    config = server_database.config()
    as_mlos_bench_makes_it(config, version)
    run_all(server_database, EXPERIMENT, CONFIG, TRIAL.format(trial), STATUS.format("eXP"))
    before = snapshot(config)
    for command in ("plan", "apply"):
        told = refused(
            run(config, command),
            1,
            "1 row of trial_status have no row of trial with exactly their ids ('trialstore sql show before_0010'",
            "0010_exact_comparison, statement 1 of 23",
            "docs/dba.md",
        )
        assert ("1 row of trial have no row of experiment" in told) is (trial != "Exp")
        assert "eXP" not in told
    with pytest.raises(MigrationBlocked, match="trial_status"):
        SqlStorage({**config, "schema_policy": "update"})
    assert snapshot(config) == before
    run_all(server_database, *REPAIR)
    ok(run(config, "apply"))
    with SqlStorage(config) as storage:
        assert [trial.trial_id for trial in storage.experiments["Exp"].trials.values()] == [1]


@engines("mysql")
def test_a_source_whose_trial_was_deleted_is_told(server_database: Database, run: Run) -> None:
    config = server_database.config()
    as_mlos_bench_makes_it(config, 9)
    server_database.admin(LINEAGE)
    refused(run(config, "apply"), 1, "1 row of trial_lineage have no row of trial", "before_0010_lineage")
    server_database.admin("DELETE FROM trial_lineage")
    ok(run(config, "apply"))
