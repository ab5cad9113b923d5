"""What a statement says that it returns, and what its callers take from it.

The sources are read: each call of a session that names a statement must use it as its header `returns` says. Where a
name stands in a variable, the test must know what it can be.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from trialstore.dialects.registry import engine_class, known_backends
from trialstore.sql.catalogue import RETURNS, Statement, load_catalogue

ROOT = Path(__file__).parents[2]
SOURCES = sorted(file for folder in ("dialects", "sql", "storage") for file in (ROOT / folder).rglob("*.py"))
SESSIONS = {"session", "tx"}
"""What sessions are called."""
FITS = {
    "one": {"one"},
    "many": {"many"},
    "tuples": {"many"},
    "chunks": {"many"},
    "column_chunks": {"many"},
    "record_batches": {"many"},
    "scalar": {"scalar"},
    "count": {"count"},
    "bulk": {"count"},
    "new_id": {"id"},
    "execute": {"none"},
}
"""Method of a session → what the statements return that it is for."""
IN_VARIABLES = {
    "sql/preflight.py": {"before_0010", "before_0010_lineage"},
    "storage/reading/arrow.py": {"trial_list", "config_params_of_experiment", "results_of_experiment"},
    "storage/reading/telemetry.py": {"telemetry", "telemetry_of_experiment", "telemetry_chosen"},
    "storage/writing/merge.py": {
        "merge_params",
        "merge_status",
        "merge_results",
        "merge_telemetry",
        "merge_attributes",
    },
}
"""Module → the statements that its variables name."""


def statements(module: str = "") -> dict[str, list[Statement]]:
    """The statements by name, of all engines, or of the one whose dialect is that module."""
    classes = {engine_class(name) for name in known_backends()}
    own = {cls for cls in classes if module == f"dialects/{cls.__module__.rpartition('.')[2]}.py"}
    found: dict[str, list[Statement]] = {}
    for cls in sorted(own or classes, key=lambda each: each.name):
        for name, statement in load_catalogue(cls.sql_folders).items():
            found.setdefault(name, []).append(statement)
    return found


def calls(tree: ast.AST) -> Iterator[tuple[int, str, ast.expr]]:
    """Line, method and first argument of each call by which a session runs a statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            owner, method = node.func.value, node.func.attr
            if method in FITS and isinstance(owner, ast.Name) and owner.id in SESSIONS:
                yield node.lineno, method, node.args[0]


def misfits(module: str, text: str, known: Mapping[str, list[Statement]]) -> Iterator[str]:
    """Calls that take something else from a statement than it returns."""
    for line, method, argument in calls(ast.parse(text)):
        names = {str(argument.value)} if isinstance(argument, ast.Constant) else IN_VARIABLES.get(module, set())
        where = f"{module}:{line}: {method}({ast.unparse(argument)})"
        if not names:
            yield f"{where}: the name is in a variable; say in IN_VARIABLES of {Path(__file__).name} what it can be"
        for name in sorted(names):
            # What engines share stands in one file, and is said once.
            for statement in {each.source: each for each in known.get(name, [])}.values():
                if statement.returns not in FITS[method]:
                    fitting = " or ".join(way for way, returns in FITS.items() if statement.returns in returns)
                    says = f"{statement.source} says 'returns: {statement.returns}'"
                    yield f"{where}: {says}: use {fitting}, or mend its header"
            if name not in known:
                yield f"{where}: there is no such statement in sql/"


def test_a_call_against_the_header_is_found_and_told_where_it_belongs() -> None:
    text = """
        tx.one("trial_get")
        tx.many("trial_get", exp_id=1)
        session.scalar("nowhere")
        tx.many(name)
        list.count("trial_get")
    """
    found = list(misfits("module.py", textwrap.dedent(text), statements()))
    assert found == [
        "module.py:3: many('trial_get'): queries/trial.sql says 'returns: one': use one, or mend its header",
        "module.py:4: scalar('nowhere'): there is no such statement in sql/",
        "module.py:5: many(name): the name is in a variable; say in IN_VARIABLES of test_returns.py what it can be",
    ]


def test_every_call_takes_from_a_statement_what_its_header_says() -> None:
    found = []
    for file in SOURCES:
        module = str(file.relative_to(ROOT))
        found += misfits(module, file.read_text(encoding="utf-8"), statements(module))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("returns", RETURNS)
def test_each_kind_of_answer_has_a_method(returns: str) -> None:
    assert any(returns in fitting for fitting in FITS.values())
