"""The catalogue of named statements: its rules, and that every file of the package keeps them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from trialstore.dialects.registry import BUILT_IN, engine_class
from trialstore.sql.catalogue import Catalogue, CatalogueError, load_catalogue, parse_statements
from trialstore.sql.session import Statements

GOOD = """\
-- A remark about the file.

-- name: trial_get
-- returns: one
-- params: exp_id text, trial_id int
-- why: One trial,
-- why: whole.
SELECT status -- inline: not a bind
FROM trial
WHERE exp_id = :exp_id AND trial_id = :trial_id AND note <> 'it''s';

-- name: trial_count
-- returns: scalar
-- params: -
-- why: How many there are.
SELECT count(*) FROM trial;
"""


def statement(name: str = "a", returns: str = "one", params: str = "-", sql: str = "SELECT 1;", more: str = "") -> str:
    return f"-- name: {name}\n-- returns: {returns}\n-- params: {params}\n-- why: because\n{more}{sql}\n"


def folder(tmp_path: Path, name: str, *texts: str) -> Path:
    path = tmp_path / name
    path.mkdir()
    for number, text in enumerate(texts):
        (path / f"{number}.sql").write_text(text, encoding="utf-8")
    return path


# Reading a file


def test_statements_are_read_in_order_with_their_headers() -> None:
    first, second = parse_statements(GOOD, "trial.sql")
    assert (first.name, first.returns, first.params) == ("trial_get", "one", ("exp_id", "trial_id"))
    assert first.why == "One trial, whole."
    assert first.source == "trial.sql"
    assert first.sql.startswith("SELECT status")
    assert first.sql.endswith("note <> 'it''s'")
    assert (second.name, second.params, second.sql) == ("trial_count", (), "SELECT count(*) FROM trial")


def test_a_file_of_remarks_holds_no_statements() -> None:
    assert parse_statements("-- only a remark\n\n") == []


def test_whole_line_remarks_inside_a_statement_are_left_out() -> None:
    (found,) = parse_statements(statement(sql="SELECT 1\n    -- a remark; with :colon\n    + 1;"))
    assert found.sql == "SELECT 1\n    + 1"


def test_a_double_colon_is_no_bind() -> None:
    (found,) = parse_statements(statement(sql="SELECT '1'::integer;"))
    assert found.params == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT 1;", "without headers"),
        ("-- returns: one\n-- name: a\n", "before any 'name'"),
        (statement().replace("-- returns: one\n", ""), "'returns'"),
        (statement().replace("-- params: -\n", ""), "'params'"),
        (statement().replace("-- why: because\n", ""), "'why'"),
        (statement(returns="rows"), "'rows'"),
        (statement(sql="SELECT 1"), "does not end with ';'"),
        (statement(sql=""), "does not end with ';'"),
        (statement(sql="SELECT 1; SELECT 2;"), "more than one ';'"),
        (statement(sql="SELECT ':x';"), "inside a literal"),
        (statement(sql="SELECT :x;"), "differ in: x"),
        (statement(params="x int", sql="SELECT 1;"), "differ in: x"),
        (statement(params="x int, y int", sql="SELECT :x, :z;"), "differ in: y, z"),
        (statement(params="x", sql="SELECT :x;"), "'x', which is no name with a type"),
        (statement(params="x integer", sql="SELECT :x;"), "Types: text, int, float, time, json."),
        (statement(params="x int y z", sql="SELECT :x;"), "'x int y z', which is no name with a type"),
        (statement(params="x int ten", sql="SELECT :x;"), "'ten' is no int, as which 'x' is declared"),
    ],
)
def test_a_file_that_breaks_the_rules_is_refused(text: str, words: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        parse_statements(text, "bad.sql")
    assert words in str(caught.value)
    assert "bad.sql" in str(caught.value)


# Loading folders


def test_an_error_names_a_few_of_the_binds_that_are_not_declared() -> None:
    sql = f"SELECT {' + '.join(f':bind{number:02}' for number in range(30))};"
    with pytest.raises(CatalogueError, match=r"bind18, bind19 and 10 more\.$"):
        parse_statements(statement(sql=sql), "bad.sql")


def test_later_folders_override_earlier_ones(tmp_path: Path) -> None:
    shared = folder(tmp_path, "shared", statement("a", params="x int, y int", sql="SELECT :x, :y;"), statement("b"))
    engine = folder(tmp_path, "engine", statement("a", params="y int, x int", sql="SELECT :y, :x;"))
    catalogue = load_catalogue((str(shared), str(engine)))
    assert list(catalogue) == ["a", "b"]
    assert len(catalogue) == 2
    assert catalogue["a"].sql == "SELECT :y, :x"
    assert catalogue["b"].sql == "SELECT 1"


def test_an_engine_may_have_statements_of_its_own_with_a_reason(tmp_path: Path) -> None:
    shared = folder(tmp_path, "shared", statement("a"))
    engine = folder(tmp_path, "engine", statement("b", more="-- own: only here\n"))
    assert load_catalogue((shared, engine))["b"].own == "only here"


def test_a_reason_at_the_head_of_a_file_holds_for_its_statements_that_override_nothing(tmp_path: Path) -> None:
    head = "-- What these are.\n-- own: of\n-- own: this file\n\n"
    shared = folder(tmp_path, "shared", statement("a"))
    engine = folder(tmp_path, "engine", head + statement("a") + statement("b") + statement("c", more="-- own: other\n"))
    found = load_catalogue((shared, engine))
    assert [found[name].own for name in "abc"] == ["", "of this file", "other"]


def test_a_reason_at_the_head_of_a_file_says_nothing_of_the_next_file(tmp_path: Path) -> None:
    shared = folder(tmp_path, "shared", statement("a"))
    engine = folder(tmp_path, "engine", f"-- own: of this file\n\n{statement('b')}", statement("c"))
    with pytest.raises(CatalogueError, match="'c' overrides nothing"):
        load_catalogue((shared, engine))


@pytest.mark.parametrize(
    ("shared", "engine", "words"),
    [
        ([statement("a"), statement("a")], [], "defined twice"),
        ([statement("a") + statement("a")], [], "defined twice"),
        ([statement("a")], [statement("b")], "overrides nothing"),
        ([statement("a")], [statement("a", returns="many")], "has other params or another 'returns'"),
        ([statement("a")], [statement("a", params="x int", sql="SELECT :x;")], "has other params or another 'returns'"),
        ([], [], "No query files"),
    ],
)
def test_folders_that_break_the_rules_are_refused(
    tmp_path: Path, shared: list[str], engine: list[str], words: str
) -> None:
    folders = (folder(tmp_path, "shared", *shared), folder(tmp_path, "engine", *engine))
    with pytest.raises(CatalogueError, match=words):
        load_catalogue(folders)


def test_an_unknown_statement_names_the_nearest_one() -> None:
    catalogue = load_catalogue(("queries", "files/queries", "sqlite/queries"))
    with pytest.raises(CatalogueError, match="'trial_finsh'") as caught:
        catalogue["trial_finsh"]
    assert "'trial_finish'" in caught.value.hint
    assert "trial_finsh" not in catalogue
    assert type(pickle.loads(pickle.dumps(caught.value))) is CatalogueError


def test_the_statements_of_the_package_keep_the_rules() -> None:
    catalogue = load_catalogue(("queries", "files/queries", "sqlite/queries"))
    assert {"begin_read", "begin_write", "history_list", "trial_finish"} <= set(catalogue)
    assert all(found.why for found in catalogue.values())


@pytest.mark.parametrize("backend", [name for name in BUILT_IN if name != "mariadb"])
def test_every_statement_compiles_for_its_driver(backend: str) -> None:
    cls = engine_class(backend)
    engine = create_engine(f"{backend}+{cls.driver}://" if backend != "duckdb" else "duckdb://")
    statements = Statements(load_catalogue(cls.sql_folders), engine)
    assert [name for name in statements.catalogue if not statements.ready(name).sql] == []


def test_a_percent_sign_in_a_literal_is_refused_where_the_driver_takes_it_for_a_placeholder() -> None:
    found = {one.name: one for one in parse_statements(statement(sql="SELECT '5%';"), "bad.sql")}
    assert Statements(Catalogue(found), create_engine("sqlite://")).ready("a").sql == "SELECT '5%'"
    with pytest.raises(CatalogueError, match="percent sign inside a literal"):
        Statements(Catalogue(found), create_engine("postgresql+psycopg://")).ready("a")
