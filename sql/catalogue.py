"""The catalogue of named statements: reads the query files of a dialect and checks them.

A query file holds statements under headers::

    -- name: trial_finish
    -- returns: one | many | scalar | count | id | none
    -- params: exp_id text, ts time, status text PENDING        (or - for none; see params.py)
    -- why: a line of reason
    -- own: why each engine has its own (in an engine's folder, for statements that are not in the shared one)
    -- arrays: of a statement NAME_many, the params that are arrays

A header `own` at the head of a file, before its first statement, holds for every statement of the file that has none.
An engine's folder overrides a shared statement by one of the same name, returns and params. There may be a statement
`NAME_many` beside `NAME`: it takes the same params, some of them as arrays with one element a row. The last line of a
statement `explain` stands for the one to be explained.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from trialstore.dialects.errors import CatalogueError, listed, nearest

from .params import Param, parse_params

ROOT = Path(__file__).parent
MANY = "_many"
EXPLAIN = "explain"
RETURNS = ("one", "many", "scalar", "count", "id", "none")
CHANGES = ("INSERT", "UPDATE", "DELETE")
PLANNED = ("SELECT", "WITH", *CHANGES)
"""First words of the statements that engines have plans for."""

_HEADER = re.compile(r"--\s*(name|returns|params|why|own|arrays):\s*(.*?)\s*$")
_LITERAL = re.compile(r"'[^']*'")
_BLOCK = re.compile(r"\$\$.*?\$\$", re.DOTALL)
"""The body of a `DO`, whose statements end with semicolons of their own."""
_BIND = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)")


@dataclass(frozen=True)
class Statement:
    """A named statement with `:name` binds, and where it stands."""

    name: str
    returns: str
    binds: tuple[Param, ...]
    why: str
    sql: str
    source: str
    own: str = ""
    arrays: tuple[str, ...] = ()

    @property
    def params(self) -> tuple[str, ...]:
        """The names of what it binds, in the order of the header."""
        return tuple(param.name for param in self.binds)

    @property
    def verb(self) -> str:
        """The first word of its text, in capitals."""
        return self.sql.split(maxsplit=1)[0].upper()

    @property
    def percent(self) -> bool:
        """Whether a literal holds a percent sign, which some drivers take for a placeholder."""
        return any("%" in literal for literal in _LITERAL.findall(self.sql))

    @property
    def writes(self) -> bool:
        """Whether it changes rows, or locks them for that, and so needs a transaction that may write."""
        return not set(CHANGES).isdisjoint(re.findall(r"\w+", self.sql))


def parse_statements(text: str, source: str = "<text>") -> list[Statement]:
    """The statements of one query file, in order. Raises CatalogueError naming the file and the statement."""
    statements: list[Statement] = []
    of_file: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: list[str] = []

    def finish() -> None:
        if headers:
            statements.append(_statement({**of_file, **headers}, body, source))
        headers.clear()
        body.clear()

    for line in text.splitlines():
        header = _HEADER.match(line)
        if header:
            key, value = header.groups()
            if key == "name":
                finish()
            elif "name" not in headers and key != "own":
                raise CatalogueError(f"{source}: header '{key}' stands before any 'name'.")
            target = headers if key == "name" or headers else of_file
            # A long header is continued by the next line with the same key.
            target[key] = f"{target[key]} {value}" if key in target else value
        elif headers and not line.lstrip().startswith("--"):
            body.append(line.rstrip())
        elif line.strip() and not line.lstrip().startswith("--"):
            raise CatalogueError(f"{source}: a statement without headers: {line.strip()!r}")
    finish()
    return statements


def _statement(headers: Mapping[str, str], body: Iterable[str], source: str) -> Statement:
    name = headers["name"]
    where = f"{source}: statement {name!r}"
    for key in ("returns", "params", "why"):
        if not headers.get(key):
            raise CatalogueError(f"{where} has no header '{key}'.")
    if headers["returns"] not in RETURNS:
        raise CatalogueError(f"{where} returns {headers['returns']!r}.", f"Known: {listed(RETURNS, str)}.")
    declared = parse_params(headers["params"], where)
    params = tuple(param.name for param in declared)
    sql = "\n".join(body).strip()
    if not sql.endswith(";"):
        raise CatalogueError(f"{where} does not end with ';'.")
    if ";" in _BLOCK.sub("", sql)[:-1]:
        raise CatalogueError(f"{where} holds more than one ';'.", "One name, one statement.")
    for literal in _LITERAL.findall(sql):
        if _BIND.search(literal):
            raise CatalogueError(f"{where} has what looks like a bind inside a literal.", "Bind the value instead.")
    binds = set(_BIND.findall(_LITERAL.sub("''", sql)))
    if binds != set(params):
        wrong = listed(sorted(binds ^ set(params)), str)
        raise CatalogueError(f"{where}: binds and 'params' differ in: {wrong}.")
    arrays = _names(headers.get("arrays", "-"))
    if bool(arrays) != name.endswith(MANY) or not set(arrays) <= set(params):
        raise CatalogueError(f"{where}: 'arrays' is for statements '…{MANY}', and names some of their params.")
    own = headers.get("own", "")
    return Statement(name, headers["returns"], declared, headers["why"], sql[:-1].rstrip(), source, own, arrays)


def _names(header: str) -> tuple[str, ...]:
    return () if header == "-" else tuple(re.split(r",\s*", header))


class Catalogue(Mapping[str, Statement]):
    """The statements of one dialect by name, overrides applied."""

    def __init__(self, statements: Mapping[str, Statement]) -> None:
        self._statements = dict(sorted(statements.items()))

    def __getitem__(self, name: str) -> Statement:
        try:
            return self._statements[name]
        except KeyError:
            raise CatalogueError(f"There is no statement {name!r}.", nearest(name, self._statements)) from None

    def explained(self, name: str) -> Statement:
        """The statement that asks for the plan of the one of that name, with the same params.

        Raises CatalogueError where there is no such statement, and where it is none that engines have plans for.
        """
        statement, asking = self[name], self[EXPLAIN]
        if statement.verb not in PLANNED:
            raise CatalogueError(
                f"Engines have no plan for {name!r}: it is a {statement.verb} statement.",
                "Plans are made for what reads or changes rows, not for settings, transactions and definitions.",
            )
        words, _, _ = asking.sql.rpartition("\n")
        return replace(statement, returns=asking.returns, sql=f"{words}\n{statement.sql}")

    def __contains__(self, name: object) -> bool:
        return name in self._statements

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


@lru_cache(maxsize=32)
def load_catalogue(folders: Sequence[str | Path]) -> Catalogue:
    """The catalogue of `folders` (a tuple, relative ones below this package), searched in order, later ones override.

    Raises CatalogueError for duplicate names, for an override that changes what a statement takes or returns, and for a
    statement of an engine that neither overrides a shared one nor says why it is its own.
    """
    found: dict[str, Statement] = {}
    for depth, folder in enumerate(folders):
        here: dict[str, Statement] = {}
        for file in sorted((ROOT / folder).glob("*.sql")):
            for statement in parse_statements(file.read_text(encoding="utf-8"), f"{Path(folder)}/{file.name}"):
                if statement.name in here:
                    raise CatalogueError(f"{statement.source}: {statement.name!r} is defined twice in {folder}.")
                here[statement.name] = _checked(statement, found.get(statement.name), shared=depth == 0)
        found.update(here)
    if not found:
        raise CatalogueError(f"No query files in {listed(folders, str)}.")
    for name, statement in found.items():
        single = found.get(name.removesuffix(MANY)) if name.endswith(MANY) else statement
        if single is None or set(single.binds) != set(statement.binds):
            raise CatalogueError(f"{statement.source}: {name!r} has no statement of the same params for a single row.")
    return Catalogue(found)


def _checked(statement: Statement, base: Statement | None, *, shared: bool) -> Statement:
    if base is None:
        if not shared and not statement.own:
            raise CatalogueError(
                f"{statement.source}: {statement.name!r} overrides nothing.",
                "Say why it is this engine's in a header 'own', or correct the name.",
            )
        return statement
    if (statement.returns, sorted(statement.binds)) != (base.returns, sorted(base.binds)):
        raise CatalogueError(
            f"{statement.source}: {statement.name!r} has other params or another 'returns' than {base.source}."
        )
    return replace(statement, own=(statement.own or base.own) if base.own else "")
