"""Migration files and the plan that follows from them: pure functions, no database."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from trialstore.dialects.errors import (
    MigrationChecksumMismatch,
    MigrationFileInvalid,
    MigrationIncomplete,
    SchemaDrift,
    SchemaTooNew,
    StorageError,
)
from trialstore.sql.history import ADOPTED, DONE, FAILED, RUNNING, HistoryRow
from trialstore.sql.migrations import Migration, checksum, load_migrations, parse_migration
from trialstore.sql.steps import Action, adoption_steps, plan, serves, steps

HEAD = """\
-- migration: 0003 add_things
-- purpose: Adds things,
-- purpose: and more of them.
-- serves_from: 0001
-- transaction: on
-- locks: WRITE on thing stops writers; changes the definition; at once.
-- destructive: no
"""
BODY = """
-- A remark; with a semicolon.
CREATE TABLE thing (
    name VARCHAR(10) DEFAULT ';'
);
ALTER TABLE thing ADD COLUMN size INTEGER;
"""
NOTHING = "-- nothing: This engine does so already.\n"
NAME = "0003_add_things.sql"

# Files


def test_a_file_says_what_it_is_for_and_what_it_runs() -> None:
    migration = parse_migration(HEAD + "-- adopts: abc\n" + BODY, NAME)
    assert (migration.version, migration.slug, str(migration)) == (3, "add_things", "0003_add_things")
    assert migration.purpose == "Adds things, and more of them."
    assert (migration.transaction, migration.destructive) == (True, False)
    assert (migration.adopts, migration.nothing) == ("abc", "")
    assert migration.statements == (
        "CREATE TABLE thing (\n    name VARCHAR(10) DEFAULT ';'\n)",
        "ALTER TABLE thing ADD COLUMN size INTEGER",
    )


def test_a_file_may_do_nothing_if_it_says_why() -> None:
    migration = parse_migration(HEAD + NOTHING, NAME)
    assert migration.statements == ()
    assert migration.nothing == "This engine does so already."


def test_a_file_may_be_destructive_and_without_transaction() -> None:
    text = HEAD.replace("transaction: on", "transaction: off").replace("destructive: no", "destructive: yes")
    migration = parse_migration(text + BODY, NAME)
    assert (migration.transaction, migration.destructive) == (False, True)


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (HEAD + BODY, "3_add_things.sql", "NNNN_slug.sql"),
        (HEAD + BODY, "0003_Add-Things.sql", "NNNN_slug.sql"),
        (HEAD + BODY, "0004_add_things.sql", "0003 add_things"),
        (HEAD + BODY, "0003_other.sql", "0003 add_things"),
        *[
            (HEAD.replace(f"-- {key}:", "-- was:") + BODY, NAME, f"'{key}' is missing")
            for key in ("migration", "purpose", "serves_from", "transaction", "locks", "destructive")
        ],
        *[
            (HEAD.replace("serves_from: 0001", f"serves_from: {value}") + BODY, NAME, "'serves_from'")
            for value in ("0004", "0000", "2", "yes")
        ],
        (HEAD.replace("transaction: on", "transaction: yes") + BODY, NAME, "'transaction'"),
        *[
            (HEAD.replace(old, new) + BODY, NAME, "'locks'")
            for old, new in (
                ("stops writers", "stops some"),
                ("WRITE on", "WRITE"),
                ("; at once.", "."),
                ("at once.", "a moment."),
                ("at once.", "at once"),
                ("changes the definition", "changes it"),
            )
        ],
        (HEAD.replace("destructive: no", "destructive: maybe") + BODY, NAME, "'destructive'"),
        (HEAD + BODY + "DROP TABLE thing", NAME, "last statement"),
        (HEAD, NAME, "nothing"),
        (HEAD + NOTHING + BODY, NAME, "nothing"),
    ],
)
def test_a_file_that_breaks_the_rules_is_refused(text: str, name: str, words: str) -> None:
    with pytest.raises(MigrationFileInvalid) as caught:
        parse_migration(text, name)
    assert words in str(caught.value)
    assert name in str(caught.value)


# Checksums


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("\n", "  \t\n"),
        lambda text: text + "\n\n\n",
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("-- locks", "-- accept: drop-column nobody reads it\n-- locks"),
    ],
)
def test_line_ends_and_trailing_blanks_and_what_lint_accepts_do_not_count(change: Any) -> None:
    assert checksum(change(HEAD + BODY)) == checksum(HEAD + BODY)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("INTEGER", "BIGINT"),
        lambda text: text.replace("at once", "2 s per 1,000,000 rows"),
        lambda text: text.replace("    name", "  name"),
        lambda text: text.replace("\n", "\n\n", 1),
        lambda text: " " + text,
        lambda text: text.lower(),
    ],
)
def test_everything_else_counts(change: Any) -> None:
    assert checksum(change(HEAD + BODY)) != checksum(HEAD + BODY)


def test_a_checksum_is_sha256_in_hex() -> None:
    assert checksum("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert parse_migration(HEAD + BODY, NAME).checksum == checksum(HEAD + BODY)


# Folders


def write(folder: Path, *numbers: int) -> Path:
    for number in numbers:
        text = HEAD.replace("0003", f"{number:04d}")
        (folder / f"{number:04d}_add_things.sql").write_text(text + BODY, encoding="utf-8")
    return folder


def test_files_of_a_folder_come_in_order(tmp_path: Path) -> None:
    assert [migration.version for migration in load_migrations(write(tmp_path, 2, 1, 3))] == [1, 2, 3]


@pytest.mark.parametrize("numbers", [(), (2,), (1, 3), (0, 1)])
def test_numbers_start_at_one_without_gaps(tmp_path: Path, numbers: tuple[int, ...]) -> None:
    with pytest.raises(MigrationFileInvalid):
        load_migrations(write(tmp_path, *numbers))


def test_a_number_stands_for_one_file_only(tmp_path: Path) -> None:
    write(tmp_path, 1)
    text = HEAD.replace("0003 add_things", "0001 other") + BODY
    (tmp_path / "0001_other.sql").write_text(text, encoding="utf-8")
    with pytest.raises(MigrationFileInvalid, match="0001_other"):
        load_migrations(tmp_path)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mysql", "duckdb"])
def test_the_migrations_of_the_package_keep_the_rules(engine: str) -> None:
    migrations = load_migrations(f"{engine}/migrations")
    adopted = ["d2a708351ba8", "f83fb8ae7fc4", "8928a401115b", "b61aa446e724"]
    # mlos_bench cannot write to DuckDB.
    assert [migration.adopts for migration in migrations[:4]] == (adopted if engine != "duckdb" else [""] * 4)
    # Where DDL cannot be rolled back, no file may say that it is; nor where an index is built outside of a transaction.
    for migration in migrations:
        outside = engine == "mysql" or " CONCURRENTLY " in " ".join(migration.statements)
        assert migration.transaction is not outside, migration
    assert not any(migration.destructive or migration.adopts for migration in migrations[4:])


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mysql", "duckdb"])
def test_applications_of_the_version_before_can_run_except_while_all_keys_are_gone(engine: str) -> None:
    alone = [one.version for one in load_migrations(f"{engine}/migrations") if one.serves_from == one.version]
    assert alone == ([1, 10] if engine == "mysql" else [1])


# Plans


def made(version: int) -> Migration:
    return parse_migration(HEAD.replace("0003", f"{version:04d}") + BODY, f"{version:04d}_add_things.sql")


FILES = tuple(made(version) for version in (1, 2, 3))


def rows(*versions: int, **changes: Any) -> list[HistoryRow]:
    """History rows; changes apply to the last one."""
    found = [HistoryRow(version, "add_things", made(version).checksum, DONE, 2) for version in versions]
    return [*found[:-1], *(dataclasses.replace(row, **changes) for row in found[-1:])]


@pytest.mark.parametrize(("history", "pending"), [((), [1, 2, 3]), ((1,), [2, 3]), ((1, 2), [3]), ((1, 2, 3), [])])
def test_what_is_not_in_the_history_is_pending(history: tuple[int, ...], pending: list[int]) -> None:
    assert [migration.version for migration in plan(FILES, rows(*history))] == pending


def test_an_adopted_migration_counts_as_applied() -> None:
    assert plan(FILES, rows(1, 2, state=ADOPTED)) == FILES[2:]


@pytest.mark.parametrize("state", [RUNNING, FAILED])
def test_where_statements_are_recorded_an_unfinished_migration_is_the_first_to_run(state: str) -> None:
    assert plan(FILES, rows(1, 2, state=state), resumable=True) == FILES[1:]


@pytest.mark.parametrize("state", [RUNNING, FAILED])
def test_an_unfinished_migration_with_others_after_it_is_refused(state: str) -> None:
    history = [rows(1, state=state)[0], *rows(1, 2)[1:]]
    with pytest.raises(MigrationIncomplete, match="0001_add_things"):
        plan(FILES, history, resumable=True)


def test_an_unfinished_migration_whose_file_was_edited_is_refused() -> None:
    with pytest.raises(MigrationChecksumMismatch, match="0002_add_things"):
        plan(FILES, rows(1, 2, state=RUNNING, checksum="0" * 64), resumable=True)


@pytest.mark.parametrize(
    ("history", "error", "words"),
    [
        (rows(1, 2, 3, 4), SchemaTooNew, "version 4; this library knows 3"),
        (rows(1, 2, 3, 9), SchemaTooNew, "version 9"),
        (rows(9), SchemaTooNew, "version 9"),
        (rows(1, 3), SchemaDrift, "0002"),
        (rows(2), SchemaDrift, "0001"),
        (rows(1, 2, slug="other"), SchemaDrift, "0002_other"),
        (rows(1, 2, checksum="0" * 64), MigrationChecksumMismatch, "0002_add_things"),
        (rows(1, 2, checksum="0" * 64, state=ADOPTED), MigrationChecksumMismatch, "0002_add_things"),
        (rows(1, 2, state=RUNNING, statements_done=1), MigrationIncomplete, "1 statements done"),
        (rows(1, 2, state=FAILED, statements_done=1), MigrationIncomplete, "1 statements done"),
        (rows(1, 2, state="?"), MigrationIncomplete, "0002_add_things"),
    ],
)
def test_a_history_that_these_files_cannot_have_written_is_refused(
    history: list[HistoryRow], error: type[StorageError], words: str
) -> None:
    with pytest.raises(error) as caught:
        plan(FILES, history)
    assert type(caught.value) is error
    assert words in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("newer", "serves_it"),
    [([3], True), ([3, 3], True), ([1], True), ([4], False), ([3, 4], False), ([None], False), ([3, None], False)],
)
def test_an_application_works_on_a_newer_schema_if_all_its_migrations_say_so(
    newer: list[int | None], serves_it: bool
) -> None:
    more = [HistoryRow(4 + number, "x", "x", RUNNING, 1, each) for number, each in enumerate(newer)]
    history = [*rows(1, 2, 3), *more]
    assert serves(history, 3) is serves_it
    with pytest.raises(SchemaTooNew) as caught:
        plan(FILES, history)
    assert ("applications can go on with this one" in caught.value.hint) is serves_it


def test_an_edited_file_is_refused_wherever_it_stands_in_the_history() -> None:
    edited = parse_migration((HEAD + BODY).replace("0003", "0001") + "DROP TABLE thing;\n", "0001_add_things.sql")
    with pytest.raises(MigrationChecksumMismatch, match="0001_add_things"):
        plan((edited, *FILES[1:]), rows(1, 2, 3))


# Steps


def told(*, transactional: bool, begun: HistoryRow | None = None) -> list[str]:
    """The steps of a migration of two statements in short: what they do, a number or a state, and `;` for a commit."""
    found = steps(FILES[2], transactional=transactional, begun=begun)
    return [
        f"{step.action.name} {step.state or step.number}{'?' * step.in_doubt}{';' * step.commits}" for step in found
    ]


def test_where_ddl_can_be_rolled_back_the_statements_and_their_row_are_committed_together() -> None:
    assert told(transactional=True) == ["EXECUTE 1", "EXECUTE 2", "RECORD done"]


def test_where_ddl_cannot_be_rolled_back_each_statement_is_recorded_and_committed() -> None:
    assert told(transactional=False) == [
        "RECORD running;",
        "EXECUTE 1",
        "PROGRESS 1;",
        "EXECUTE 2",
        "PROGRESS 2;",
        "MARK done",
    ]


@pytest.mark.parametrize(("state", "doubt"), [(RUNNING, "?"), (FAILED, "")])
def test_an_unfinished_migration_goes_on_with_a_statement_that_is_in_doubt_if_it_was_killed(
    state: str, doubt: str
) -> None:
    begun = rows(3, state=state, statements_done=1)[0]
    assert told(transactional=False, begun=begun) == ["MARK running;", f"EXECUTE 2{doubt}", "PROGRESS 2;", "MARK done"]


def test_a_step_gives_the_statement_that_it_runs() -> None:
    found = steps(FILES[2], transactional=True)
    assert [step.statement for step in found if step.action is Action.EXECUTE] == list(FILES[2].statements)


def test_adopted_migrations_are_recorded_as_done_and_none_of_their_statements_runs() -> None:
    found = list(adoption_steps(FILES[:2]))
    assert [(step.action, step.migration.version, step.state, step.number) for step in found] == [
        (Action.RECORD, 1, ADOPTED, 2),
        (Action.RECORD, 2, ADOPTED, 2),
    ]
