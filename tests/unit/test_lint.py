"""`trialstore schema lint`: what its rules find, what a file may accept, and that our own files hold nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlglot
from click.testing import Result

from command_tree import invoke
from matrix import ENGINES
from trialstore.dialects.errors import CatalogueError
from trialstore.dialects.registry import BUILT_IN, engine_class
from trialstore.sql.catalogue import ROOT
from trialstore.sql.lint import lint, load_rules
from trialstore.sql.migrations import load_migrations
from trialstore.sql.reading import FILE, read_sql
from unit.lint_examples import EXAMPLES, Example


def call(*arguments: str) -> Result:
    return invoke(["schema", "lint", *arguments])


def rules(engine: str, text: str) -> list[tuple[str, int]]:
    return [(found.rule.name, found.line) for found in lint(text, "x.sql", load_rules(engine)) if not found.accepted]


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.engine}-{example.rule}")
def test_a_rule_finds_what_it_is_for_and_nothing_else(example: Example) -> None:
    for text in example.found:
        assert example.rule in {rule for rule, _ in rules(example.engine, text)}, text
    for text in example.passed:
        assert example.rule not in {rule for rule, _ in rules(example.engine, text)}, text


@pytest.mark.parametrize("engine", ENGINES)
def test_every_rule_has_an_example(engine: str) -> None:
    assert set(load_rules(engine).rules) - {each.rule for each in EXAMPLES if each.engine == engine} == set()


def test_a_finding_names_the_line_of_the_clause() -> None:
    text = "-- one\nSELECT 1;\n\nALTER TABLE t\nADD COLUMN a INT,\n  DROP COLUMN\n  b;\n"
    assert rules("postgresql", text) == [("drop-column", 6)]
    assert rules("postgresql", text.replace("\n", "\r\n")) == [("drop-column", 6)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("table", ['"my.order (items), all"', 'shop."order items"', "orders"])
@pytest.mark.parametrize("column", ['"a.b"', '"net price, all"', "price"])
def test_names_in_quotes_hide_nothing(engine: str, table: str, column: str) -> None:
    text = f"ALTER TABLE {table} ADD COLUMN {column} INT, DROP COLUMN {column};"
    assert ("drop-column", 1) in rules(engine, text)
    if engine == "postgresql":
        assert rules(engine, f"ALTER TABLE {table} ALTER COLUMN {column} TYPE TEXT;") == [("change-type", 1)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_comment_ends_where_the_engine_ends_it(engine: str) -> None:
    drop = "ALTER TABLE t DROP COLUMN x;"
    if engine in ("postgresql", "duckdb"):  # where a comment may hold others
        assert rules(engine, f"/* a /* b */ {drop} */ SELECT 1;") == []
        assert rules(engine, f"/* a /* b */ {drop}") == [("unreadable", 1)]
    else:
        assert ("drop-column", 1) in rules(engine, f"/* a /* b */ {drop}")


@pytest.mark.parametrize("engine", ENGINES)
def test_files_are_split_as_another_reader_splits_them(engine: str) -> None:
    dialect = {"postgresql": "postgres"}.get(engine, engine)
    syntax = load_rules(engine).syntax
    files = sorted((ROOT / engine).rglob("*.sql"))
    assert len(files) > 10
    for file in files:
        if file.name in ("script.sql", "grants.sql"):  # parts of scripts, which are for the engine's client
            continue
        text = file.read_text(encoding="utf-8")
        ends = [one for one in sqlglot.tokenize(text, read=dialect) if one.token_type.name == "SEMICOLON"]
        read = read_sql(text, syntax)
        assert (len(read.statements), read.unclosed) == (len(ends), None), file
        assert [one.words[-1].line for one in read.statements] == [end.line for end in ends], file


@pytest.mark.parametrize(
    "text",
    [
        "[x]\nseverity = error",
        "[x]\nseverity = bad\nwrong = a\ndo = b",
        "[x]\nseverity = error\nwrong = a\ndo = b\nmatch = (",
        "x",
    ],
)
def test_a_file_of_rules_that_is_wrong_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"x|cannot be read"):
        load_rules(tmp_path)


# --- what is accepted -------------------------------------------------------------------------------------------------


def test_before_the_first_statement_a_finding_is_accepted_in_the_whole_file() -> None:
    text = (
        "-- accept: drop-table nobody has\n-- accept: drop-table used them.\nDROP TABLE t;\nDROP TABLE u;\nTRUNCATE v;"
    )
    found = lint(text, "x.sql", load_rules("sqlite"))
    assert [(one.rule.name, one.accepted) for one in found] == [
        ("drop-table", "nobody has used them."),
        ("drop-table", "nobody has used them."),
        ("truncate", ""),
    ]


def test_before_another_statement_it_is_accepted_there_alone() -> None:
    text = "DROP TABLE t;\n-- accept: drop-table it is empty\nDROP TABLE u;\nDROP TABLE v;"
    assert rules("sqlite", text) == [("drop-table", 1), ("drop-table", 4)]


def test_a_reason_in_a_string_accepts_nothing() -> None:
    assert rules("sqlite", "SELECT '\n-- accept: drop-table x\n';\nDROP TABLE t;") == [("drop-table", 4)]


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", BUILT_IN)
def test_our_own_migrations_hold_nothing_that_is_not_accepted_with_a_reason(engine: str) -> None:
    result = call("--dialect", engine, "--fail-on", "note")
    assert result.exit_code == 0, result.stdout
    assert result.stdout.startswith(f"{len(load_migrations(engine_class(engine).migrations_folder))} files: ")


def test_files_and_folders_of_others_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.sql").write_text("SELECT 1;\nDROP TABLE t;\n", encoding="utf-8")
    (tmp_path / "b.sql").write_text("\ufeffSELECT 1;\n", encoding="utf-8")
    result = call("new", "b.sql", "--engine", "postgresql")
    assert (result.exit_code, result.stderr) == (4, "")
    assert result.stdout.splitlines()[0] == "new/a.sql:2: error: drop-table"
    assert result.stdout.splitlines()[-1] == "2 files: 1 error."
    assert call("b.sql", "--engine", "postgresql").exit_code == 0
    (found,) = json.loads(call("new", "--engine", "mariadb", "--json").stdout)["findings"]
    assert (found["rule"], found["file"], found["line"], found["accepted"]) == ("drop-table", "new/a.sql", 2, None)


def test_how_much_counts_can_be_chosen(tmp_path: Path) -> None:
    file = tmp_path / "a.sql"
    file.write_text("CREATE INDEX i ON t (a);\nCALL p();\n", encoding="utf-8")
    codes = [
        call(str(file), "--engine", "postgresql", "--fail-on", one).exit_code for one in ("error", "warning", "note")
    ]
    assert codes == [0, 4, 4]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("a.sql",), 2, "--dialect"),
        (("a.sql", "--engine", "oracle"), 1, "oracle"),
        (("none.sql", "--engine", "sqlite"), 1, "none.sql cannot be read"),
        (("latin.sql", "--engine", "sqlite"), 1, "not UTF-8"),
        (("empty", "--engine", "sqlite"), 1, "no files"),
        (("--rules", "--format", "sarif"), 2, "text or JSON"),
    ],
)
def test_wrong_usage_is_named(
    words: tuple[str, ...], code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.sql").write_text("SELECT 1;", encoding="utf-8")
    (tmp_path / "latin.sql").write_bytes(b"SELECT '\xe4';")
    result = call(*words)
    assert result.exit_code == code
    assert told in result.output + result.stderr


def test_the_rules_are_listed() -> None:
    assert "drop-table" in call("--rules", "--engine", "sqlite").stdout
    listed = json.loads(call("--rules", "--engine", "sqlite", "--json").stdout)
    assert {one["name"] for one in listed} == set(load_rules("sqlite").rules)
