"""The commands `trialstore sql …`: every statement that the library can run, and how a database would run it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trialstore.dialects.base import Dialect
from trialstore.dialects.errors import CatalogueError, nearest
from trialstore.dialects.registry import engine_class, known_backends
from trialstore.dialects.text import clean
from trialstore.sql.catalogue import Statement, load_catalogue
from trialstore.sql.session import Session

from .failures import json_option
from .output import console, print_json, print_sentence, print_table, say, shown
from .target import Target, storage_options

if TYPE_CHECKING:
    from trialstore.storage.sql_storage import SqlStorage

LOOKED_AT = 100
"""Most experiments that are looked at for typical values."""


@click.group()
def sql() -> None:
    """Look at the statements that the library can run.

    'list' and 'show' need no database and no driver; 'explain' takes --config or --url.
    """


# --- list and show ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """A statement, and the engines that run it as it stands there."""

    statement: Statement
    dialects: tuple[str, ...]

    @property
    def file(self) -> str:
        """The file that it comes from, as the repository has it; absolute for the engine of another package."""
        source = self.statement.source
        return source if Path(source).is_absolute() else f"sql/{source}"


def listed(backend: str | None = None) -> list[Listed]:
    """The statements of one engine, or of all, by name; one that several engines share stands there once.

    Raises ConfigError for an unknown engine.
    """
    classes = {engine_class(name) for name in ([backend] if backend else known_backends())}
    found: dict[tuple[str, str], Statement] = {}
    users: dict[tuple[str, str], list[str]] = {}
    for cls in sorted(classes, key=lambda cls: cls.name):
        for statement in load_catalogue(cls.sql_folders).values():
            key = (statement.name, statement.source)
            found[key] = statement
            users.setdefault(key, []).append(cls.name)
    return [Listed(found[key], tuple(users[key])) for key in sorted(found)]


dialect_option: Callable[..., Any] = click.option(
    "--dialect", metavar="NAME", help="The statements of this engine only (default: of all)."
)


@sql.command("list")
@dialect_option
@json_option("Print a JSON array, with the text of each statement.")
def list_statements(dialect: str | None, as_json: bool) -> None:
    """List the statements with their files and reasons."""
    found = listed(dialect)
    if as_json:
        print_json([_as_dict(one) for one in found])
        return
    rows = [
        (
            one.statement.name,
            one.statement.returns,
            one.statement.params or None,
            one.file,
            one.dialects,
            " Own: ".join(filter(None, (one.statement.why, one.statement.own))),
        )
        for one in found
    ]
    print_table(console(), "", ("name", "returns", "params", "file", "dialects", "why"), rows, may_omit_last=True)


def _as_dict(one: Listed) -> dict[str, Any]:
    statement = one.statement
    return {
        "name": statement.name,
        "returns": statement.returns,
        "params": [{"name": param.name, "type": param.type} for param in statement.binds],
        "why": statement.why,
        "own": statement.own or None,
        "arrays": list(statement.arrays),
        "file": one.file,
        "dialects": list(one.dialects),
        "sql": statement.sql,
    }


@sql.command("show")
@click.argument("name")
@dialect_option
def show_statement(name: str, dialect: str | None) -> None:
    """Show a statement as the engine gets it: overrides applied, in the form of a query file."""
    say(statement_text(name, dialect))


def statement_text(name: str, dialect: str | None) -> str:
    """A statement in the form of a query file; where no dialect is named and engines differ, one after the other."""
    found = listed(dialect)
    chosen = [one for one in found if one.statement.name == name]
    if not chosen:
        where = f" for {dialect}" if dialect else ""
        raise CatalogueError(
            f"There is no statement {name!r}{where}.", nearest(name, (one.statement.name for one in found))
        )
    return "\n\n".join(map(_as_text, chosen))


def _as_text(one: Listed) -> str:
    statement = one.statement
    lines = [
        f"-- {one.file} ({', '.join(one.dialects)})",
        f"-- name: {statement.name}",
        f"-- returns: {statement.returns}",
        f"-- params: {', '.join(map(str, statement.binds)) or '-'}",
        f"-- why: {statement.why}",
        *([f"-- own: {statement.own}"] if statement.own else []),
        *([f"-- arrays: {', '.join(statement.arrays)}"] if statement.arrays else []),
        f"{statement.sql};",
    ]
    return "\n".join(lines)


# --- explain ----------------------------------------------------------------------------------------------------------


@sql.command("explain")
@click.argument("name")
@click.option("--param", "given", metavar="NAME=VALUE", multiple=True, help="The value of a parameter; repeatable.")
@storage_options
def explain(target: Target, name: str, given: tuple[str, ...]) -> None:
    """Show how the database would run a statement, which is not run.

    Parameters without a --param get values that are typical of what is stored. Times are ISO 8601, in UTC unless they
    say otherwise.
    """
    with target.open_to_read() as storage:
        values, rows = explain_statement(storage, name, given)
    for param, value in values.items():
        say(f"-- {param} = {shown(value)}")
    _print_plan(rows)


def explain_statement(
    storage: SqlStorage, name: str, given: Sequence[str] = ()
) -> tuple[dict[str, Any], Sequence[Any]]:
    """The values that the parameters of a statement got, and the engine's plan for it, in the engine's own form."""
    database = storage.database

    def values_of(session: Session) -> tuple[Statement, dict[str, Any]]:
        statement = session.catalogue[session.catalogue.explained(name).name]
        chosen = read_params(given, statement)
        return statement, {**typical_values(statement, session), **chosen}

    statement, values = database.read(values_of)
    bound = bind_values(statement, values, database.dialect)

    def ask() -> Sequence[Any]:
        with database.session() as session:  # which undoes the transaction in the end, whatever happens
            session.begin(write=statement.writes)
            return session.explain(name, **bound)

    return values, database.retry(ask)


def typical_values(statement: Statement, session: Session | None = None) -> dict[str, Any]:
    """Values for the parameters of a statement: those of the largest experiment and of its middle trial.

    What its header says is typical where nothing is stored, or no session is given. Reads through keys only, whatever
    the size of the database.
    """
    stored = {} if session is None else _stored_values(session)
    return {param.name: stored.get(param.name, param.typical_value) for param in statement.binds}


def _stored_values(session: Session) -> dict[str, Any]:
    values: dict[str, Any] = {"ts": dt.datetime.now(dt.timezone.utc)}
    ids = [row.exp_id for row in session.many("experiment_list")[:LOOKED_AT]]
    last_ids = {exp_id: session.scalar("trial_last_id", exp_id=exp_id) or 0 for exp_id in ids}
    by_size = sorted(ids, key=lambda exp_id: last_ids[exp_id], reverse=True)
    if by_size:
        largest, source = by_size[0], by_size[min(1, len(by_size) - 1)]
        middle = max(1, last_ids[largest] // 2)
        trial = session.one("trial_get", exp_id=largest, trial_id=middle)
        config_id = trial.config_id if trial else session.scalar("trial_default_config", exp_id=largest)
        values |= {"exp_id": largest, "trial_id": middle, "last_trial_id": middle, "ids": f"[{middle}, {middle + 1}]"}
        values |= {} if config_id is None else {"config_id": config_id}
        values |= {"source_exp_id": source, "source_trial_id": max(1, last_ids[source] // 2)}
    return values


def read_params(given: Iterable[str], statement: Statement) -> dict[str, Any]:
    """What `--param NAME=VALUE` options say, as values of the parameters' types. Raises UsageError."""
    binds = {param.name: param for param in statement.binds}
    values = {}
    for option in given:
        name, equals, value = option.partition("=")
        if not equals:
            raise click.UsageError(f"--param {option!r} is not of the form NAME=VALUE.")
        if name not in binds:
            hint = nearest(name, binds) or "It has none."
            raise click.UsageError(f"{statement.name!r} has no parameter {name!r}. {hint}")
        try:
            values[name] = binds[name].read(value)
        except ValueError:
            raise click.UsageError(f"--param {name}: {value!r} is no {binds[name].type}.") from None
    return values


def bind_values(statement: Statement, values: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The values as the driver takes them: times encoded, each one an array where the statement takes arrays."""
    encoded = {
        name: dialect.encode_ts(value) if isinstance(value, dt.datetime) else value for name, value in values.items()
    }
    return {name: [value] if name in statement.arrays else value for name, value in encoded.items()}


def _print_plan(rows: Sequence[Any]) -> None:
    """Print a plan in the engine's own form: text as it is, columns as a table."""
    lines = list(_lines(rows))
    if lines:
        for line in lines:
            say(clean(line))
    elif rows:
        print_table(console(), "", rows[0]._fields, [tuple(row) for row in rows])
    else:
        print_sentence("The plan is empty: nothing is looked for.")


def _lines(rows: Sequence[Any]) -> Iterator[str]:
    """The lines of a plan that is text: a single column, or cells that are drawings."""
    for row in rows:
        for cell in row:
            if len(row) == 1 or "\n" in str(cell):
                yield from str(cell).splitlines()
