"""Facts of a schema: how they are compared, and kept in a file with the versions in which they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from trialstore.sql.structure import FILE, Difference, Fact, compare, expected_facts, facts_text
from trialstore.storage import MigrationFileInvalid

NAME = Fact("thing", "column", "name", "varchar(10) not null collate C")
SIZE = Fact("thing", "column", "size", "integer")
KEY = Fact("thing", "primary key", "name")
UNIQUE = Fact("thing", "unique key", "name, size")
OWNER = Fact("thing", "foreign key", "owner", "to person (id)")
INDEX = Fact("thing", "index", "size")
PERSON = Fact("person", "column", "id", "integer")
ALL = {NAME, SIZE, KEY, UNIQUE, OWNER, PERSON}


def lines(expected: set[Fact], found: set[Fact]) -> list[str]:
    return [str(one) for one in compare(expected, found)]


def test_equal_facts_have_no_difference() -> None:
    assert compare(ALL, set(ALL)) == []


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (ALL - {SIZE}, "missing: column thing.size: integer"),
        (ALL - {KEY}, "missing: primary key of thing (name)"),
        (ALL - {UNIQUE}, "missing: unique key of thing (name, size)"),
        (ALL - {OWNER}, "missing: foreign key of thing (owner): to person (id)"),
        (ALL - {PERSON}, "missing: table person"),
        (ALL - {SIZE} | {Fact("thing", "column", "size", "bigint")},
         "different: column thing.size: expected integer, found bigint"),
        (ALL | {Fact("thing", "column", "color", "text")}, "extra: column thing.color: text"),
        (ALL | {Fact("thing", "unique key", "size")}, "extra: unique key of thing (size)"),
        (ALL | {INDEX}, "extra: index of thing (size)"),
        (ALL | {Fact("bill", "column", "id", "text"), Fact("bill", "index", "id")}, "extra: table bill"),
    ],
)  # fmt: skip
def test_a_difference_is_a_line(found: set[Fact], line: str) -> None:
    assert lines(ALL, found) == [line]


def test_tables_and_indexes_of_others_are_harmless_and_nothing_else_is() -> None:
    found = ALL | {INDEX, Fact("bill", "column", "id", "text"), Fact("thing", "unique key", "size")}
    assert [one.subject for one in compare(ALL, found) if one.harmless] == ["index of thing (size)", "table bill"]
    assert not any(one.harmless for one in compare(ALL | {INDEX}, ALL))


def test_a_fact_without_collation() -> None:
    assert NAME.without_collation.detail == "varchar(10) not null"
    assert KEY.without_collation == KEY


def test_a_file_of_facts_says_which_hold_at_which_version(tmp_path: Path) -> None:
    by_version = {1: {NAME, KEY}, 2: {NAME, KEY, SIZE}, 3: {NAME, SIZE}, 4: {NAME, KEY, SIZE, OWNER}}
    text = facts_text({version: frozenset(facts) for version, facts in by_version.items()})
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        "0001- | thing | column | name | varchar(10) not null collate C",
        "0002- | thing | column | size | integer",
        "0004- | thing | foreign key | owner | to person (id)",
        "0001-0002 | thing | primary key | name",
        "0004- | thing | primary key | name",
    ]
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    for version, facts in by_version.items():
        assert expected_facts(tmp_path / "migrations", version) == facts


@pytest.mark.parametrize("line", ["0001 | thing | index | size", "0001- | thing", "0001- | thing | index | a;b", "?"])
def test_a_line_that_is_no_fact_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / FILE).write_text(f"# comment\n{line}\n", encoding="utf-8")
    with pytest.raises(MigrationFileInvalid, match="line 2 is no fact"):
        expected_facts(tmp_path / "migrations", 1)


def test_a_file_that_is_not_there_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(MigrationFileInvalid) as caught:
        expected_facts(tmp_path / "migrations", 1)
    assert "schema.dump --structure" in caught.value.hint


def test_a_missing_thing_shows_what_was_expected() -> None:
    assert str(Difference("missing", "table x")) == "missing: table x"
