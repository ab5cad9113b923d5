"""What begins with an underscore belongs to its class or module: nothing else reads it, tests and benchmarks included.

`ruff` (SLF001) finds the same in an editor; this test also says where the name belongs. What another package tells in
no other way is marked by `noqa: SLF001` in its line.
"""

from __future__ import annotations

import ast
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("dialects", "sql", "storage", "benchmarks", "examples", "tests")
SOURCES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
OWN = {"self", "cls", "mcs"}
PUBLIC = {"_repr_html_", "_fields", "_replace", "_asdict", "_make", "_exit", "_getframe"}
"""Names with an underscore that Python, or Jupyter, documents for everybody."""


def is_private(name: str) -> bool:
    """Whether a name is its owner's only."""
    return name.startswith("_") and not name.endswith("__") and name not in PUBLIC


def owners(module: str, tree: ast.Module | ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Private names with where they belong: attributes and methods of classes, names of the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store) and is_own(inner.value):
                    yield inner.attr, f"class {node.name} in {module}"
                elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)) and inner in node.body:
                    yield inner.name, f"class {node.name} in {module}"
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, module
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((target.id, module) for target in targets if isinstance(target, ast.Name))


def is_own(node: ast.expr) -> bool:
    """Whether the expression is the object itself, its class, or its base class."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in OWN


def read_from_outside(node: ast.AST, known: frozenset[str] = frozenset()) -> Iterator[tuple[int, str, str]]:
    """Line, expression and name of each private name that is not its reader's own; `known` are those of the class
    around, which may read them from another object of the class."""
    if isinstance(node, ast.ClassDef):
        known |= frozenset(name for name, place in owners("", node) if place == f"class {node.name} in ")
    if isinstance(node, ast.Attribute) and is_private(node.attr) and not is_own(node.value) and node.attr not in known:
        yield node.lineno, ast.unparse(node), node.attr
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if is_private(alias.name):
                yield node.lineno, f"from {node.module} import {alias.name}", alias.name
    for child in ast.iter_child_nodes(node):
        yield from read_from_outside(child, known)


def findings(sources: Mapping[str, str]) -> list[str]:
    """What is wrong in modules, path → text, and where each of the names belongs."""
    trees = {module: ast.parse(text) for module, text in sources.items()}
    read = [
        (f"{module}:{line}: `{expression}`", name)
        for module, tree in trees.items()
        for line, expression, name in read_from_outside(tree)
        if "noqa: SLF001" not in sources[module].splitlines()[line - 1]
    ]
    belongs: dict[str, set[str]] = defaultdict(set)
    for module, tree in trees.items() if read else ():
        for name, place in owners(module, tree):
            belongs[name].add(place)
    homes = {name: " or ".join(sorted(belongs[name])) or "another package" for _, name in read}
    return [f"{where}: `{name}` is private to {homes[name]}; make it public there" for where, name in read]


def test_a_private_name_read_from_outside_is_found_and_sent_home() -> None:
    home = """
        _LIMIT = 5

        class Store:
            def __init__(self):
                self._rows = []

            def _read(self):
                return self._rows

            def __eq__(self, other):
                return self._rows == other._rows
    """
    reader = """
        from home import _LIMIT
        store._rows
        store.inner._read()
        row._fields
        driver._result  # noqa: SLF001 - it is nowhere else
        self._rows
        module._unknown
    """
    found = findings({"home.py": textwrap.dedent(home), "reader.py": textwrap.dedent(reader)})
    assert found == [
        "reader.py:2: `from home import _LIMIT`: `_LIMIT` is private to home.py; make it public there",
        "reader.py:3: `store._rows`: `_rows` is private to class Store in home.py; make it public there",
        "reader.py:4: `store.inner._read`: `_read` is private to class Store in home.py; make it public there",
        "reader.py:8: `module._unknown`: `_unknown` is private to another package; make it public there",
    ]


def test_nothing_reads_what_is_private_to_something_else() -> None:
    found = findings({str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in SOURCES})
    assert not found, "\n".join(found)
