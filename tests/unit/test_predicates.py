"""Statements that belong together choose the same trials: what they ask of trials is written more than once."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from trialstore.dialects.registry import BUILT_IN, engine_class
from trialstore.sql.catalogue import load_catalogue

DUE = ("trial_pending", "config_params_of_pending", "trial_params_of_pending")
GRAMMARS = {"postgresql": "postgres"}
ENDED = ("trial_load", "config_params_of_load")


def conditions(sql: str, engine: str) -> set[str]:
    """What is asked of the table of trials, one condition each, without names of tables."""
    statement = sqlglot.parse_one(sql, dialect=GRAMMARS.get(engine, engine))
    (select,) = (one for one in statement.find_all(exp.Select) if one.find(exp.From).name == "trial")
    for column in select.args["where"].find_all(exp.Column):
        column.set("table", None)
    return {one.sql() for one in select.args["where"].this.flatten()}


@pytest.mark.parametrize("backend", BUILT_IN)
@pytest.mark.parametrize("names", [DUE, ENDED])
def test_statements_of_one_call_choose_the_same_trials(backend: str, names: tuple[str, ...]) -> None:
    dialect = engine_class(backend)
    catalogue = load_catalogue(dialect.sql_folders)
    first, *others = (conditions(catalogue[name].sql, dialect.name) for name in names)
    assert len(first) >= 3
    assert [other for other in others if other != first] == []
