"""What the sources must not hold: SQL in Python, engine names above the dialects, imports up the layers, machine paths.

The checks read the source tree, not the installed package. Each checker is first shown to catch what it is there for.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trialstore.dialects.registry import BUILT_IN, engine_class

ROOT = Path(__file__).parents[2]
LAYERS = ("dialects", "sql", "storage")  # each may import itself and those before it
SOURCES = sorted(file for layer in LAYERS for file in (ROOT / layer).rglob("*.py"))

# --- what a string looks like -----------------------------------------------------------------------------------------

_STATEMENT = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*"
    r"(?:(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|PRAGMA|BEGIN|START|SET|WITH|REPLACE|MERGE|TRUNCATE|ANALYZE"
    r"|EXPLAIN|GRANT|REVOKE|LOCK|UNLOCK|SAVEPOINT|RELEASE|ATTACH|DETACH|VALUES|SHOW|DESCRIBE|CALL|USE|COPY|VACUUM"
    r"|REINDEX|COMMIT|ROLLBACK|INSTALL|LOAD|CHECKPOINT)\s+\S"
    r"|(?:BEGIN|COMMIT|ROLLBACK|VACUUM|ANALYZE|REINDEX|CHECKPOINT)\s*;?\s*\Z)"
)
_NAME = r"[\w.\"`\[\]:{}]+"
_TERM = rf"(?:\*|{_NAME}\([^()]*\)|{_NAME})(?:\s+as\s+{_NAME})?"
_LOWER_CASE = re.compile(
    r"\s*(?:"
    rf"select\s+(?:distinct\s+)?{_TERM}(?:\s*,\s*{_TERM})*(?:\s+from\s+{_NAME}|\s*;?\s*\Z)"
    rf"|insert\s+(?:or\s+\w+\s+|ignore\s+)?into\s+{_NAME}"
    rf"|replace\s+into\s+{_NAME}"
    rf"|update\s+{_NAME}\s+set\s+{_NAME}\s*="
    rf"|delete\s+from\s+{_NAME}"
    r"|(?:create|drop)\s+(?:unique\s+|temp\s+|temporary\s+|or\s+replace\s+)*(?:table|index|view|trigger|schema)\s+\S"
    r"|alter\s+table\s+\S"
    r"|pragma\s+\w+"
    r"|begin\s+(?:immediate|deferred|exclusive|transaction|work)\b"
    rf"|set\s+(?:session\s+|local\s+|global\s+)?{_NAME}\s*=\s*\S"
    r")",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"(?:^|\s)(?:(?:LEFT|INNER|CROSS|OUTER) JOIN|GROUP BY|ORDER BY|ON CONFLICT|ON DUPLICATE KEY|FOR UPDATE"
    r"|INSERT INTO|DELETE FROM|FROM\s+\w+\s+(?:AS\s+\w+\s+)?WHERE"
    r"|WHERE\s+[\w.\"`]+\s*(?:=|<|>|IN\b|IS\b|LIKE\b|BETWEEN\b))(?:\s|\Z|[:%?({])"
)


def looks_like_sql(text: str) -> bool:
    """Whether a string is a statement, or the part of one that only a statement has."""
    return bool(_STATEMENT.match(text) or _LOWER_CASE.match(text) or _CLAUSE.search(text))


# --- what a module holds ----------------------------------------------------------------------------------------------


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Strings that a program can use, with their lines: f-strings and sums of strings whole, docstrings left out."""
    if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Constant):
        return
    text = _text(tree)
    if text is not None:
        yield getattr(tree, "lineno", 0), text
    else:
        for child in ast.iter_child_nodes(tree):
            yield from strings(child)
        return
    # What stands inside the braces of an f-string, or beside a sum, may hold strings of its own.
    for inner in ast.walk(tree):
        if isinstance(inner, ast.FormattedValue):
            yield from strings(inner.value)


def _text(node: ast.AST) -> str | None:
    """The text of a string expression, `{}` where it has a gap; None for any other expression."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bytes):
            return node.value.decode("latin-1")
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "{}" if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mod)):
        left, right = _text(node.left), _text(node.right)
        if isinstance(node.op, ast.Mod):
            return left
        return None if left is None and right is None else (left or "{}") + (right or "{}")
    return None


def imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Full names of the modules, or of the things in modules, that a module of `package` imports, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


# --- the checks: each yields what is wrong, with its line -------------------------------------------------------------

_CONSTRUCTORS = frozenset(
    "select insert update delete values union union_all exists table column literal_column literal and_ or_ not_ func"
    " case cast Table Column MetaData ForeignKey Index Sequence Select Insert Update Delete DDL".split()
)
_BANNED_MODULES = tuple(f"sqlalchemy.{name}" for name in ("orm", "ext", "schema", "sql.expression", "sql.ddl"))
_RUNS_SQL = frozenset({"text", "execute", "executemany", "executescript", "exec_driver_sql", "scalar", "scalars"})


def sql_in_python(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Strings that are SQL, strings handed to what runs SQL, and SQLAlchemy's means of writing SQL without a string."""
    for line, text in strings(tree):
        if looks_like_sql(text):
            yield line, f"SQL in a string: {text[:60]!r}"
    for line, name in imports(tree, "trialstore.any"):
        module, _, thing = name.rpartition(".")
        banned = any(f"{name}.".startswith(f"{other}.") for other in _BANNED_MODULES)
        if banned or (module in ("sqlalchemy", "sqlalchemy.sql") and thing in _CONSTRUCTORS):
            yield line, f"import of {name}"
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("sqlalchemy", "sa")
        ):
            if node.attr in _CONSTRUCTORS or node.attr in ("orm", "sql", "schema", "ext"):
                yield node.lineno, f"use of {node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and node.args and _called(node) in _RUNS_SQL and _is_statement(node):
            yield node.lineno, f"a string handed to {_called(node)}()"


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _is_statement(node: ast.Call) -> bool:
    """Whether the call gets a string of its own making that is no mere name, as that of a catalogued statement is."""
    texts = [text.replace("{}", "x") for _, text in strings(node.args[0])]
    return bool(texts) and (_called(node) == "text" or not all(map(str.isidentifier, texts)))


ENGINES = re.compile("sqlite|postgres|mysql|mariadb|duckdb|psycopg|pragma", re.IGNORECASE)


@pytest.mark.parametrize("backend", BUILT_IN)
def test_every_engine_and_driver_has_a_name_that_is_found(backend: str) -> None:
    assert ENGINES.search(backend)
    assert ENGINES.search(engine_class(backend).driver_module)


def engine_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Identifiers and strings that name an engine or its driver."""
    for line, text in strings(tree):
        if ENGINES.search(text):
            yield line, repr(text)
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg", "asname", "module"):
            name = getattr(node, field, None)
            if isinstance(name, str) and ENGINES.search(name):
                yield getattr(node, "lineno", 0), name


def wrong_way_imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Imports of a layer above the module's own, by statement or by name, and of any under its folder's name."""
    own = package.split(".")[1]
    above = LAYERS[LAYERS.index(own) + 1 :]
    names = [*imports(tree, package), *((line, text) for line, text in strings(tree) if text.startswith("trialstore."))]
    for line, name in names:
        parts = re.split(r"[.:]", name)
        if parts[0] in LAYERS or (parts[0] == "trialstore" and len(parts) > 1 and parts[1] in above):
            yield line, name


# Put together from parts, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile(r"(?<![\w.*}>/-])/" + r"(?:work|root|tmp/venv|tmp/notes)\b(?:/|$)")


def tracked_files() -> list[Path]:
    """The files of the project: what git knows or would add; without git, all but what tools leave behind."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        left_behind = re.compile(
            r"\.(tox|venv|git|hypothesis|\w+_cache|coverage.*)|__pycache__|build|dist|.*\.egg-info"
        )
        files = [f for f in ROOT.rglob("*") if not any(map(left_behind.fullmatch, f.relative_to(ROOT).parts))]
    else:
        files = [ROOT / name for name in listed if name]
    return sorted(file for file in files if file.is_file())


def package_of(file: Path) -> str:
    """The package that a source file belongs to, as it is installed."""
    return ".".join(["trialstore", *file.parent.relative_to(ROOT).parts])


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def report(file: Path, findings: Iterator[tuple[int, str]]) -> list[str]:
    return [f"{file.relative_to(ROOT)}:{line}: {what}" for line, what in findings]


# --- the sources ------------------------------------------------------------------------------------------------------


def test_all_three_layers_are_looked_at() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in SOURCES} == set(LAYERS)


def test_python_holds_no_sql() -> None:
    assert [line for file in SOURCES for line in report(file, sql_in_python(parsed(file)))] == []


# The command line's default file says by its name what it is; nothing else may name an engine.
ALLOWED_ENGINE_NAMES = {"storage/cli/target.py": {"'trialstore.sqlite'"}}


def test_engines_are_named_only_in_the_dialects_and_the_demo() -> None:
    found = []
    for file in SOURCES:
        where = file.relative_to(ROOT).as_posix()
        if not where.startswith(("dialects/", "storage/demo/")):
            allowed = ALLOWED_ENGINE_NAMES.get(where, set())
            found += report(file, (finding for finding in engine_names(parsed(file)) if finding[1] not in allowed))
    assert found == []


def test_imports_go_one_way() -> None:
    assert [line for file in SOURCES for line in report(file, wrong_way_imports(parsed(file), package_of(file)))] == []


def test_the_contract_suite_needs_nothing_of_our_other_tests() -> None:
    """It is installed without them."""
    own = {file.stem for file in (ROOT / "tests").iterdir() if file.stem != "contract"}
    shipped = sorted((ROOT / "tests" / "contract").glob("*.py"))
    found = []
    for file in shipped:
        names = imports(parsed(file), "trialstore.contract")
        found += report(file, ((line, name) for line, name in names if name.partition(".")[0] in own))
    assert len(shipped) > 15
    assert found == []


def test_no_layer_is_found_under_the_name_of_its_folder() -> None:
    assert [name for name in LAYERS if getattr(sys.modules.get(name), "__path__", None)] == []


def test_importing_the_storage_loads_nothing_heavy() -> None:
    code = "import sys, trialstore.storage; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "trialstore" in loaded
    assert {"pandas", "numpy", "json5", "click", "rich", "matplotlib"}.intersection(loaded) == set()


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    found = []
    for file in tracked_files():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a database or a picture
        found += [
            f"{file.relative_to(ROOT)}:{number}"
            for number, line in enumerate(text.splitlines(), start=1)
            if MACHINE_PATHS.search(line)
        ]
    assert found == []


# --- the checkers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        'q = "SELECT 1"',
        'q = "  \\n  DELETE FROM trial"',
        'q = "-- a comment\\nUPDATE trial SET status = 1"',
        'q = "select a, b from trial where c"',
        'q = "Select count(*) from trial"',
        'q = "select max(trial_id) as n, b from trial"',
        'q = "insert into trial values (1)"',
        'q = "update trial set status = 1"',
        'q = "pragma journal_mode"',
        'q = "BEGIN IMMEDIATE"',
        'q = "COMMIT"',
        'q = b"DROP TABLE trial"',
        'q = f"SELECT {name} FROM trial"',
        'q = f"{head} ORDER BY {name}"',
        'q = "SEL" "ECT 1"',
        'q = "SEL" + "ECT 1"',
        'q = base + " WHERE trial_id = 1"',
        'q = "CREATE TABLE %s (a INTEGER)" % name',
        'q = "CREATE TABLE {} (a INTEGER)".format(name)',
        'q = {"a": ["WITH x AS (SELECT 1) SELECT 2"]}',
        "q = f\"{run('SELECT 1')}\"",
        "text('x = 1')",
        "sqlalchemy.text(f'{a}')",
        "connection.exec_driver_sql('x ' + name)",
        "cursor.execute('vacuum into x')",
        "import sqlalchemy.orm",
        "from sqlalchemy import orm",
        "from sqlalchemy.orm import Session",
        "from sqlalchemy.ext.asyncio import create_async_engine",
        "from sqlalchemy import select",
        "from sqlalchemy import Engine, MetaData as M",
        "from sqlalchemy.sql import delete",
        "from sqlalchemy.sql.expression import literal",
        "from sqlalchemy.schema import CreateTable",
        "import sqlalchemy as sa\nsa.insert(t)",
        "import sqlalchemy\nsqlalchemy.Table('t')",
    ],
)
def test_the_checker_finds_planted_sql(source: str) -> None:
    assert list(sql_in_python(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        'def f():\n    """SELECT 1 is what this runs."""',
        'class C:\n    a: str\n    """SELECT 1"""',
        'message = "Select another trial from the list."',
        'message = "Update the schema: run `trialstore schema apply`."',
        "message = \"set 'journal_mode' to 'delete' in the config\"",
        'message = "Create the folder first."',
        'message = "begin with an empty file"',
        'name = "select"',
        'name = "trial_insert"',
        "session.scalar('trial_last_id', exp_id=e)",
        "session.execute(statement)",
        "connection.execute(statements[f'read_{name}'])",
        "text(statement.sql)",
        "cell = Text('a table cell')",
        "from sqlalchemy import create_engine, text",
        "from sqlalchemy.engine import URL",
    ],
)
def test_the_checker_leaves_prose_and_statement_names_alone(source: str) -> None:
    assert list(sql_in_python(ast.parse(source))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import sqlite3",
        "from trialstore.dialects.mysql import MySQLDialect",
        "from trialstore.dialects import postgresql as pg",
        "is_mariadb = True",
        "if dialect.name == 'duckdb': pass",
        "driver = f'{name}+psycopg'",
        "def pragma_of(): pass",
        "class SQLiteThing: pass",
        "f(sqlite=1)",
        "default = 'other.sqlite'",
    ],
)
def test_the_checker_finds_planted_engine_names(source: str) -> None:
    assert list(engine_names(ast.parse(source)))


def test_docstrings_and_comments_may_name_engines() -> None:
    source = '"""How SQLite does it."""\nx = 1  # PostgreSQL too\n"""MySQL as well."""'
    assert list(engine_names(ast.parse(source))) == []


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("trialstore.dialects", "import trialstore.storage.status"),
        ("trialstore.dialects", "from trialstore import sql"),
        ("trialstore.dialects", "from ..sql import catalogue"),
        ("trialstore.dialects", "importlib.import_module('trialstore.sql.catalogue')"),
        ("trialstore.sql", "def f():\n    from trialstore.storage import SqlStorage"),
        ("trialstore.sql", "from .. import storage"),
        ("trialstore.storage", "from storage import status"),
        ("trialstore.storage", "import dialects.errors"),
    ],
)
def test_the_checker_finds_planted_imports(package: str, source: str) -> None:
    assert list(wrong_way_imports(ast.parse(source), package))


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("trialstore.storage", "from trialstore.sql.catalogue import Catalogue"),
        ("trialstore.storage.demo", "from .. import SqlStorage"),
        ("trialstore.sql", "from trialstore.dialects.base import Dialect"),
        ("trialstore.sql", "from .catalogue import Catalogue"),
        ("trialstore.dialects", "from .base import Dialect"),
    ],
)
def test_the_checker_lets_imports_down_the_layers_pass(package: str, source: str) -> None:
    assert list(wrong_way_imports(ast.parse(source), package)) == []


@pytest.mark.parametrize(
    "path", ["/" + "root/x", "see /" + "work/main/README.md", "'/" + "root/me'", "(/" + "tmp/venv/bin)"]
)
def test_the_checker_finds_planted_machine_paths(path: str) -> None:
    assert MACHINE_PATHS.search(path)


@pytest.mark.parametrize("text", ["a git work/tree", "https://example.org/root/x", "root/", "/tmp/pytest", "$HOME/x"])
def test_the_checker_lets_other_paths_pass(text: str) -> None:
    assert not MACHINE_PATHS.search(text)
