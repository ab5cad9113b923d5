"""`trialstore sql explain` on every engine: each statement that has a plan shows it, and nothing is changed."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import servers
from command_tree import invoke
from matrix import make_config
from trialstore.contract.helpers import at, dump, finish, make_experiment
from trialstore.sql.catalogue import PLANNED, load_catalogue
from trialstore.storage import PermissionDenied, SqlStorage
from trialstore.storage.cli.sql import explain_statement
from trialstore.storage.config.keys import check_config

Config = dict[str, Any]
OF_OTHERS = ("migration_blockers", "migration_holders")
"""Look at the locks of others, which takes more rights on some servers."""
ELSEWHERE = ("mlos_bench_revision", "migration_holders_listed")
CHANGES = ("trial_insert", "trial_finish", "merge_results", "trial_status_put", "config_insert")


def explain(config: Config, *arguments: str) -> Result:
    """Run the command with a config file in the current folder."""
    Path("storage.json").write_text(json.dumps(config), encoding="utf-8")
    return invoke(["sql", "explain", *arguments, "--config", "storage.json"])


def ok(config: Config, *arguments: str) -> str:
    result = explain(config, *arguments)
    assert result.exit_code == 0, result.stderr or result.exception
    return result.stdout


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def store(config: Config, trials: int = 6) -> None:
    """Store two experiments, the larger one last."""
    with SqlStorage(config) as storage:
        for name, count in (("Small", 2), ("Large", trials)):
            with make_experiment(storage, name) as experiment:
                for number in range(count):
                    trial = experiment.new_trial({"cache": number}, ts_start=at(0))
                    if number:
                        finish(trial)


def planned(config: Config) -> list[str]:
    """Statements that the engine has a plan for; not those about a table that only mlos_bench, or a plugin, makes."""
    catalogue = load_catalogue(check_config(config).dialect.sql_folders)
    return [name for name, one in catalogue.items() if one.verb in PLANNED and name not in ELSEWHERE]


def test_every_statement_with_a_plan_can_be_explained_and_changes_nothing(shared_config: Config) -> None:
    store(shared_config)
    with SqlStorage(shared_config) as storage:
        before = dump(storage)
        for name in planned(shared_config):
            values, _plan = explain_statement(storage, name)
            assert set(values) == set(storage.database.statements.catalogue[name].params)
        assert dump(storage) == before
        # Nor is anything left locked: another experiment can be written at once.
        with make_experiment(storage, "Another") as experiment:
            finish(experiment.new_trial({"cache": 1}, ts_start=at(0)))


def test_an_empty_database_gets_plain_values(shared_config: Config) -> None:
    SqlStorage(shared_config).dispose()
    with SqlStorage(shared_config) as storage:
        for name in planned(shared_config):
            explain_statement(storage, name)
        assert {name: rows for name, rows in dump(storage).items() if rows and name != "trialstore_schema"} == {}
    assert "-- exp_id = text\n-- trial_id = 1\n" in ok(shared_config, "trial_get")


def test_values_come_from_the_largest_experiment_and_its_middle_trial(shared_config: Config) -> None:
    store(shared_config)
    lines = ok(shared_config, "trial_list_of_config").splitlines()
    with SqlStorage(shared_config) as storage:
        config_id = storage.experiments["Large"].trials[3].tunable_config_id
    assert lines[:2] == ["-- exp_id = Large", f"-- config_id = {config_id}"]
    assert "-- source_exp_id = Small" in ok(shared_config, "merge_results")


def test_the_plan_is_the_engines_own(shared_config: Config) -> None:
    store(shared_config)
    plan = ok(shared_config, "trial_get", "--param", "exp_id=Small", "--param", "trial_id=2")
    assert plan.startswith("-- exp_id = Small\n-- trial_id = 2\n")
    assert "trial" in plan.split("-- trial_id = 2\n")[1]


def test_what_has_no_plan_says_so(shared_config: Config) -> None:
    SqlStorage(shared_config).dispose()
    result = explain(shared_config, "history_create")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Engines have no plan for 'history_create': it is a CREATE statement.")
    assert "\nHint: " in result.stderr
    assert "Did you mean 'trial_get'?" in explain(shared_config, "trial_gte").stderr


def test_a_wrong_parameter_is_a_usage_error(shared_config: Config) -> None:
    SqlStorage(shared_config).dispose()
    result = explain(shared_config, "trial_get", "--param", "trial=1")
    assert result.exit_code == 2
    assert "no parameter 'trial'. Did you mean 'trial_id'?" in result.stderr


def test_a_database_without_our_tables_is_left_as_it_is(shared_config: Config) -> None:
    result = explain(shared_config, "trial_get")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "\nHint: " in result.stderr
    with SqlStorage({**shared_config, "lazy_schema_create": True}) as storage:
        assert storage.database.read(lambda tx: tx.many("schema_tables")) == []


# --- users that may only read -----------------------------------------------------------------------------------------


def reader(engine: str, config: Config) -> Config:
    """The config of somebody who may only read that database."""
    if engine == "sqlite":
        return {**config, "database": f"file:{config['database']}?mode=ro"}
    if engine == "duckdb":
        return {**config, "read_only": True}
    server, name, password = servers.require(engine), f"reader_{secrets.token_hex(4)}", secrets.token_hex(8)
    with server.session(config["database"]) as execute:
        if engine == "postgresql":
            execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
            execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
        else:
            execute(f"CREATE USER {name} IDENTIFIED BY '{password}'")
            execute(f"GRANT SELECT, SHOW VIEW ON {config['database']}.* TO {name}")
    return {**config, "username": name, "password": password}


def test_somebody_who_may_only_read_sees_the_plans_of_what_reads(engine: str, folder: Path) -> None:
    config = make_config(engine, folder)
    store(config)
    with SqlStorage({**reader(engine, config), "schema_policy": "verify"}) as storage:
        catalogue = storage.database.statements.catalogue
        for name in planned(config):
            if not catalogue[name].writes and name not in OF_OTHERS:
                explain_statement(storage, name)
        for name in {*CHANGES, *OF_OTHERS} & set(catalogue):
            with suppress(PermissionDenied):  # some engines would tell the plan, some refuse even that
                explain_statement(storage, name)
    assert "Large" in ok(config, "trial_get")
