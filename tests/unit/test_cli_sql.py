"""The commands that show the library's statements, which need neither a database nor a driver."""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import Result

from command_tree import invoke
from trialstore.dialects.registry import BUILT_IN, engine_class
from trialstore.sql.catalogue import EXPLAIN, MANY, ROOT, CatalogueError, load_catalogue, parse_statements
from trialstore.storage import SqlStorage
from trialstore.storage.cli.sql import listed, read_params, typical_values

CATALOGUES = {name: load_catalogue(engine_class(name).sql_folders) for name in BUILT_IN}
DRIVERS = sorted({engine_class(name).driver_module for name in BUILT_IN} - {"sqlite3"})


def call(*arguments: str) -> Result:
    return invoke(["sql", *arguments])


def ok(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.stderr or result.exception
    return result.stdout


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- list -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", BUILT_IN)
def test_list_tells_all_of_every_statement_of_an_engine(dialect: str) -> None:
    found = {one["name"]: one for one in json.loads(ok("list", "--dialect", dialect, "--json"))}
    assert set(found) == set(CATALOGUES[dialect])
    for name, statement in CATALOGUES[dialect].items():
        assert found[name] == {
            "name": name,
            "returns": statement.returns,
            "params": [{"name": param.name, "type": param.type} for param in statement.binds],
            "why": statement.why,
            "own": statement.own or None,
            "arrays": list(statement.arrays),
            "file": f"sql/{statement.source}",
            "dialects": [engine_class(dialect).name],
            "sql": statement.sql,
        }


def test_without_an_engine_those_of_all_are_listed_and_shared_ones_once() -> None:
    found = json.loads(ok("list", "--json"))
    texts = {(name, one.sql) for catalogue in CATALOGUES.values() for name, one in catalogue.items()}
    assert {(one["name"], one["sql"]) for one in found} == texts
    (shared,) = [one for one in found if one["name"] == "trial_get"]
    assert shared["dialects"] == sorted({engine_class(name).name for name in BUILT_IN})
    lock = {one["file"]: one["dialects"] for one in found if one["name"] == "experiment_lock"}
    files, servers = ["duckdb", "sqlite"], ["mysql", "postgresql"]
    assert lock == {"sql/queries/experiment.sql": servers, "sql/files/queries/experiment.sql": files}


def test_the_table_names_file_engines_and_reasons() -> None:
    lines = ok("list", "--dialect", "sqlite").splitlines()
    assert lines[0].split() == ["name", "returns", "params", "file", "dialects", "why"]
    (line,) = [line for line in lines if line.startswith("begin_write ")]
    assert line.split()[:5] == ["begin_write", "none", "–", "sql/sqlite/queries/session.sql", "sqlite"]
    assert "Takes the write lock first" in line
    assert "Own: Settings, the opening of transactions" in line
    assert "exp_id, trial_id" in next(line for line in lines if line.startswith("trial_get "))


def test_every_file_that_is_named_is_there() -> None:
    assert [one.file for one in listed() if not (ROOT / one.file.removeprefix("sql/")).is_file()] == []


# --- show -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", BUILT_IN)
def test_show_gives_back_the_statement_with_its_header(dialect: str) -> None:
    for name in ("config_insert", "config_find_all", "experiment_lock", "history_insert", "trial_pending", EXPLAIN):
        (shown,) = parse_statements(ok("show", name, "--dialect", dialect))
        assert replace(shown, source=CATALOGUES[dialect][name].source) == CATALOGUES[dialect][name]


def test_show_says_which_parameters_are_arrays() -> None:
    shown = ok("show", "telemetry_insert_many", "--dialect", "duckdb").splitlines()
    assert "-- arrays: ts, metric_id, metric_value, value_type" in shown


def test_show_tells_where_the_statement_stands() -> None:
    assert ok("show", "config_params", "--dialect", "sqlite").splitlines()[0] == "-- sql/queries/config.sql (sqlite)"
    first = ok("show", "config_insert", "--dialect", "mariadb").splitlines()[0]
    assert first == "-- sql/mysql/queries/config.sql (mysql)"


def test_show_without_an_engine_gives_each_form_of_the_statement() -> None:
    shown = parse_statements(ok("show", "experiment_lock"))
    assert {one.sql for one in shown} == {catalogue["experiment_lock"].sql for catalogue in CATALOGUES.values()}


def test_an_unknown_statement_is_told_with_the_nearest_one() -> None:
    result = call("show", "trial_finsh")
    assert result.exit_code == 1
    assert result.stderr == "Error: There is no statement 'trial_finsh'.\nHint: Did you mean 'trial_finish'?\n"
    assert "for sqlite" in call("show", "session_isolation", "--dialect", "sqlite").stderr


@pytest.mark.parametrize("command", [["list"], ["show", "trial_get"]])
def test_an_unknown_engine_is_told_with_the_nearest_one(command: list[str]) -> None:
    result = call(*command, "--dialect", "postgres")
    assert result.exit_code == 1
    assert result.stderr == "Error: Unknown database engine 'postgres'.\nHint: Did you mean 'postgresql'?\n"


@pytest.mark.parametrize("command", [["list", "--json"], ["show", "trial_status_put"]])
@pytest.mark.parametrize("dialect", BUILT_IN)
def test_neither_driver_nor_database_is_needed(command: list[str], dialect: str, folder: Path) -> None:
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({DRIVERS}))\n"
        "from trialstore.storage.cli import main; sys.exit(main())"
    )
    arguments = [sys.executable, "-c", code, "sql", *command, "--dialect", dialect]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert "trial_status_put" in done.stdout
    assert done.stderr == ""
    assert list(folder.iterdir()) == []


# --- the page about it ------------------------------------------------------------------------------------------------


def test_the_commands_of_the_page_run(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    with SqlStorage({"drivername": "sqlite", "database": "bench.sqlite"}) as storage:
        storage.experiment(
            experiment_id="sort-100k",
            trial_id=1,
            root_env_config="",
            description="",
            tunables={"size": 1},
            opt_targets={"seconds": "min"},
        ).__enter__()
    commands = [shlex.split(line) for line in block.splitlines()]
    assert {command[2] for command in commands} == {"list", "show", "explain"}
    for program, group, *words in commands:
        assert (program, group) == ("trialstore", "sql")
        assert ok(*words)


# --- what explain is made of ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", BUILT_IN)
def test_the_last_line_of_explain_stands_for_the_statement_to_be_explained(dialect: str) -> None:
    catalogue = CATALOGUES[dialect]
    words, _, stand_in = catalogue[EXPLAIN].sql.rpartition("\n")
    assert stand_in == "SELECT 1"
    asking = catalogue.explained("trial_get")
    assert asking.sql == f"{words}\n{catalogue['trial_get'].sql}"
    assert (asking.name, asking.params, asking.returns) == ("trial_get", ("exp_id", "trial_id"), "many")


@pytest.mark.parametrize(
    ("name", "verb"),
    [("begin_write", "BEGIN"), ("session_foreign_keys", "PRAGMA"), ("history_create", "CREATE"), (EXPLAIN, "EXPLAIN")],
)
def test_what_engines_have_no_plan_for_is_refused(name: str, verb: str) -> None:
    with pytest.raises(CatalogueError, match=f"no plan for '{name}': it is a {verb} statement") as caught:
        CATALOGUES["sqlite"].explained(name)
    assert "settings, transactions and definitions" in caught.value.hint
    with pytest.raises(CatalogueError, match="There is no statement 'beginwrite'"):
        CATALOGUES["sqlite"].explained("beginwrite")


def test_a_statement_knows_whether_it_needs_a_transaction_that_may_write() -> None:
    writes = {name for name, one in CATALOGUES["postgresql"].items() if one.writes}
    assert {"trial_insert", "trial_finish", "merge_params", "history_insert", "experiment_lock"} <= writes
    assert not {"trial_get", "merge_trials", "schema_tables", "session_settings"} & writes


def test_a_parameter_has_one_type_whatever_the_statement() -> None:
    types: dict[str, set[str]] = {}
    for catalogue in CATALOGUES.values():
        for statement in catalogue.values():
            for param in statement.binds:
                types.setdefault(param.name, set()).add(param.type)
    # Of settings, each server has its own form.
    assert {name for name, found in types.items() if len(found) > 1} == set()
    assert types["ts"] == {"time"}


def test_values_are_read_as_the_types_of_their_parameters() -> None:
    statement = CATALOGUES["sqlite"]["trial_insert"]
    given = ["exp_id=a=b", "trial_id=7", "ts_start=2025-01-01T12:00", "ts_end=2025-01-01T12:00:00+02:00"]
    noon = dt.datetime(2025, 1, 1, 12, tzinfo=dt.timezone.utc)
    assert read_params(given, statement) == {
        "exp_id": "a=b",
        "trial_id": 7,
        "ts_start": noon,
        "ts_end": noon - dt.timedelta(hours=2),
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("trial_id", "not of the form NAME=VALUE"),
        ("trail_id=1", "no parameter 'trail_id'. Did you mean 'trial_id'?"),
        ("trial_id=one", "--param trial_id: 'one' is no int."),
    ],
)
def test_a_value_that_cannot_be_is_refused(given: str, words: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        read_params([given], CATALOGUES["sqlite"]["trial_get"])
    assert words in caught.value.message


def test_a_parameter_gets_what_its_header_says_is_typical() -> None:
    (foreign,) = parse_statements(
        "-- name: a\n-- returns: one\n-- params: shoe_size int 46, born time, likes json\n-- why: because\n"
        "SELECT :shoe_size, :born, :likes;\n"
    )
    born = dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc)
    assert typical_values(foreign) == {"shoe_size": 46, "born": born, "likes": "[1, 2]"}
    assert read_params(["shoe_size=47"], foreign) == {"shoe_size": 47}


def test_statements_for_many_rows_are_listed_beside_those_for_one() -> None:
    names = set(CATALOGUES["duckdb"])
    assert {name.removesuffix(MANY) for name in names if name.endswith(MANY)} < names
