"""docs/schema.md shows the schema that the migrations yield, and explains all of it."""

from __future__ import annotations

import re
from pathlib import Path

from trialstore.sql.diagram import dot, mermaid
from trialstore.sql.migrations import load_migrations
from trialstore.sql.structure import COLUMN, Fact, expected_facts
from trialstore.sql.views import VIEW_COLUMN

PAGE = (Path(__file__).parents[2] / "docs" / "schema.md").read_text(encoding="utf-8")
MIGRATIONS = "postgresql/migrations"
FACTS = expected_facts(MIGRATIONS, load_migrations(MIGRATIONS)[-1].version)


def test_the_diagram_is_what_the_migrations_yield() -> None:
    assert re.findall(r"```mermaid\n(.*?)```", PAGE, re.DOTALL) == [mermaid(FACTS)]


def test_a_fact_that_changes_changes_the_diagram() -> None:
    assert mermaid([*FACTS, Fact("trial", COLUMN, "colour", "text")]) != mermaid(FACTS)


def test_every_table_view_and_column_is_explained() -> None:
    sections = re.findall(r"^## (\w+)\n(.*?)(?=^## )", PAGE, re.DOTALL | re.MULTILINE)
    explained = {
        (table, name)
        for table, text in sections
        for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    columns = {(fact.table, fact.columns) for fact in FACTS if fact.kind in (COLUMN, VIEW_COLUMN)}
    assert columns - explained == set()
    assert {pair for pair in explained if pair[0] in {table for table, _ in columns}} - columns == set()


def test_the_other_diagram_has_every_table_column_and_reference() -> None:
    text = dot(FACTS)
    for fact in FACTS:
        if fact.kind == COLUMN:
            (line,) = [line for line in text.splitlines() if line.startswith(f"    {fact.table} [")]
            assert f" {fact.columns}" in line
    assert text.count(" -> ") == sum(fact.kind == "foreign key" for fact in FACTS)
