"""Scripts for an administrator who applies migrations with the engine's own client: made offline, the same each time.

A script runs what the migrator would run, in the same order and with the same bookkeeping: the statements of the
migration files as they stand, and those of the catalogue. What only the engine's client understands, or only its SQL
can say, stands in `sql/<engine>/script.sql`:

    -- value: NAME EXPRESSION     what the engine has for the time of a bookkeeping statement, in UTC
    -- part: usage                how to run and to check a script (comments)
    -- part: start                opens the transaction, if DDL can be rolled back, and takes the migration lock
    -- part: stop                 after each of the parts that may stop, where they only say why
    -- part: empty                stops unless there are no tables of an experiment store; binds :tables, :message
    -- part: begun                stops unless there is a history; binds :message
    -- part: history              stops unless it is :rows rows that are :known to be of these files; binds :message
    -- part: next                 between two migrations of a database that is in use: what was done is committed
    -- part: outside              commits, and keeps the lock while statements run outside of a transaction
    -- part: inside               begins a transaction again, in which alone the lock is held
    -- part: tables               locks :tables, all or none, where that avoids deadlocks; binds :mode and :referring
    -- part: end                  commits, and frees what the first part took

and, of an engine with schemas in a database, before `start`:

    -- part: before               settings of the client
    -- part: create_schema        makes the schema "trialstore_namespace", whose place the given name takes
    -- part: schema               lets all names mean what is in that schema, or stops
    -- part: found_schema         the same for the schema that the names of our tables are found in

In a part, `-- run: NAME param=1 other='text'` stands for a statement of the catalogue, which gets the part's binds as
well; `-- text: NAME` for its text inside another one, and `-- client: …` for a command of the client.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from trialstore.dialects.base import Dialect
from trialstore.dialects.errors import ConfigError, MigrationFileInvalid

from .catalogue import ROOT, load_catalogue
from .history import DONE, RUNNING, HistoryRow, library_version
from .inspection import BASE_TABLES
from .locks import STOPS, Lock, seconds, worst
from .migrations import Migration, load_migrations
from .names import NAMESPACE, check_name, no_schemas, quoted
from .steps import Action, Step, steps

FILE = "script.sql"
PARTS = ("usage", "start", "stop", "empty", "begun", "history", "next", "outside", "inside", "tables", "end")
SCHEMA_PARTS = ("before", "create_schema", "schema", "found_schema")
"""Those that an engine has besides, if its databases have schemas."""
GUARDS = ("start", "empty", "begun", "history")
VALUES = ("started_at", "finished_at")
CLIENT = "-- client: "
WIDTH = 120

_DIRECTIVE = re.compile(r"-- (value|part|run|text|client): (.*)")
_PARAM = re.compile(r"(\w+)=(?:'([^']*)'|(\d+))")
# Nothing that a quote, a backslash or a percent sign could turn into something else, on any engine.
_PLAIN = re.compile(r"[\w .,:;=+()\n-]*", re.ASCII)


class _Now:
    """Stands for the time at which the database runs the statement."""


NOW = _Now()


@dataclass(frozen=True)
class Template:
    """The engine's own text of scripts: its expressions for times, and the lines of each part."""

    values: Mapping[str, str]
    parts: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Script:
    """A script, the version that it starts from, and the migrations that it applies."""

    dialect: str
    start: int
    migrations: tuple[Migration, ...]
    text: str


def make_script(
    dialect: type[Dialect],
    start: int = 0,
    target: int | None = None,
    statement: int = 1,
    *,
    schema: str | None = None,
    create_schema: bool = False,
) -> Script:
    """The script that brings a database from version `start` (0: one without tables) to `target` (None: the newest).

    With a `statement` it goes on with that one of the first migration, after an earlier run has done those before. Its
    tables are in `schema`, which it makes if `create_schema` says so; None: where they are found, as `apply` does.
    Needs neither a connection nor a driver. Raises ConfigError where there is no such version or statement, where the
    engine leaves no migration half done, where there is nothing to do, and for a schema that cannot be.
    """
    chain = load_migrations(dialect.migrations_folder)
    last = len(chain) if target is None else target
    if not 0 <= start < last <= len(chain):
        raise ConfigError(
            f"No script leads from version {start} to version {last}.",
            f"Versions are 0 (an empty database) to {len(chain)}, and a script leads to a newer one.",
        )
    if statement > 1:
        _check_statement(dialect, chain[start], statement)
    where = _Where(schema, create_schema)
    writer = _Writer(dialect, chain[:start], chain[start:last], statement - 1, where)
    return Script(dialect.name, start, chain[start:last], "\n".join(writer.lines()) + "\n")


def _check_statement(dialect: type[Dialect], first: Migration, statement: int) -> None:
    if dialect.transactional_ddl:
        raise ConfigError(
            f"Migration {first} is never left half done on {dialect.name}, so a script cannot begin at statement "
            f"{statement}.",
            "Leave --statement out.",
        )
    if statement > len(first.statements):
        raise ConfigError(
            f"Migration {first} has no statement {statement}: they are 1 to {len(first.statements)}.",
            "'trialstore schema status' and the table trialstore_schema say how many are done: give the next one.",
        )


def engine_file(dialect: type[Dialect], name: str) -> Path:
    """The file of that name beside the engine's migrations. Raises ConfigError where the engine has none."""
    file = (ROOT / dialect.migrations_folder).parent / name
    if not file.is_file():
        raise ConfigError(f"{dialect.name} has no file {name}.", f"The package of the engine would have it at {file}.")
    return file


def parse_template(source: str, name: str) -> Template:
    """The parts of a `script.sql`. Raises MigrationFileInvalid where one is missing, doubled or unknown."""
    values: dict[str, str] = {}
    parts: dict[str, list[str]] = {}
    current: list[str] = []
    for line in source.splitlines():
        match = _DIRECTIVE.fullmatch(line)
        if match and match[1] == "value":
            key, _, values[key] = match[2].partition(" ")
        elif match and match[1] == "part":
            if match[2] in parts:
                raise MigrationFileInvalid(f"{name}: part {match[2]!r} occurs twice.")
            current = parts[match[2]] = []
        else:
            current.append(line)
    # The blank lines before the next part belong to neither.
    parts = {part: "\n".join(lines).strip("\n").split("\n") for part, lines in parts.items()}
    needed_parts = (*SCHEMA_PARTS, *PARTS) if set(parts) & set(SCHEMA_PARTS) else PARTS
    for kind, found, needed in (("values", values, VALUES), ("parts", parts, needed_parts)):
        if set(found) != set(needed):
            raise MigrationFileInvalid(f"{name}: its {kind} are not {', '.join(needed)}.")
    return Template(values, parts)


@dataclass(frozen=True)
class _Where:
    """The schema of the tables (None: where they are found), and whether the script makes it."""

    schema: str | None
    create: bool


class _Writer:
    """Writes one script, line by line."""

    def __init__(
        self,
        dialect: type[Dialect],
        before: Sequence[Migration],
        pending: Sequence[Migration],
        done: int,
        where: _Where,
    ) -> None:
        self.dialect = dialect
        self.before = before
        self.pending = pending
        self.done = done
        """How many statements of the first migration an earlier run has done."""
        self.catalogue = load_catalogue(dialect.sql_folders)
        file = engine_file(dialect, FILE)
        self.template = parse_template(file.read_text(encoding="utf-8"), f"{dialect.name}/{FILE}")
        self.where = where
        if where.schema is not None:
            if "schema" not in self.template.parts:
                raise no_schemas(dialect)
            check_name("schema", where.schema)
            dialect.check_schema(where.schema)
        elif where.create:
            raise ConfigError("There is no schema to create.", "Name it by --schema.")

    def lines(self) -> Iterator[str]:
        """The whole script."""
        start = len(self.before)
        yield from self._header()
        yield from self._schema()
        yield from self._part("start")
        if start or self.done:
            yield from self._part("begun", message=self._refusal(start, "has no table trialstore_schema"))
        else:
            refusal = self._refusal(start, "holds tables of an experiment store")
            yield from self._part("empty", tables=f",{','.join(sorted(BASE_TABLES))},", message=refusal)
            yield from self._statement("history_create")
        yield from self._guard(self.before)
        for number, migration in enumerate(self.pending):
            # Of an empty database nobody is kept waiting, and nobody is to be left with half a schema.
            if start and number and self.template.parts["next"] != [""]:
                yield from _comment(f"Migration {migration} is a transaction of its own.")
                yield from self._part("next")
                yield from self._guard((*self.before, *self.pending[:number]))
            yield from self._migration(migration, self.done if number == 0 else 0)
        yield from self._part("end")

    def _guard(self, before: Sequence[Migration]) -> Iterator[str]:
        """Stops unless those migrations, and no others, are recorded, and of the next one what is to be there."""
        # A row of another version, with another checksum, or unfinished, is not among those that are known.
        states = [(migration, DONE) for migration in before]
        if self.done and len(before) == len(self.before):
            states.append((self.pending[0], str(self.done)))
        known = "\n".join(f"{one.version}={one.slug}={one.checksum}={state}," for one, state in states)
        refusal = self._refusal(len(before), "is elsewhere or has another history")
        yield from self._part("history", rows=len(states), known=known, message=refusal)

    def _refusal(self, at: int, found: str) -> str:
        """Why the script stops, in at most 128 characters: of more than that an engine shows the beginning only."""
        expected = f"version {at}" if at else "an empty database"
        if at > len(self.before):
            return f"This step was not begun: it is for {expected}; this database {found}."
        if self.done:
            expected += f" and {self.done} statements of {self.pending[0].version:04d}"
        return f"Nothing was changed: the script is for {expected}; this database {found}."

    def _schema(self) -> Iterator[str]:
        """What lets all names mean what is in one schema, where the engine has schemas."""
        if "schema" not in self.template.parts:
            return
        yield from self._part("before")
        if self.where.schema is None:
            yield from self._part("found_schema")
            return
        for part in ("create_schema", "schema") if self.where.create else ("schema",):
            for line in self._part(part):
                yield line.replace(f'"{NAMESPACE}"', quoted(self.where.schema))

    def _header(self) -> Iterator[str]:
        start, last = len(self.before), self.pending[-1].version
        of = f"version {start:04d}" if start else "an empty database"
        if self.done:
            of += f", with {self.done} statements of {self.pending[0]} done,"
        yield from _comment(f"trialstore {library_version()}: schema script for {self.dialect.name}")
        yield "--"
        yield from _comment(
            f"Brings {of} to version {last:04d}, and records that in the table trialstore_schema as "
            "'trialstore schema apply' does. It stops before anything is changed if the database is not as it expects."
        )
        yield from self.template.parts["usage"]
        yield from _comment("What it does, and what each step locks:")
        yield "--"
        locks = [lock for migration in self.pending for lock in migration.locks if start or self.done]
        yield from _comment(_sum(locks), indent="  ")
        for migration in self.pending:
            yield from _comment(f"{migration}: {migration.nothing or migration.locks_text}", indent="  ")
        yield ""

    def _migration(self, migration: Migration, done: int) -> Iterator[str]:
        yield from _comment(f"Migration {migration}. {migration.purpose}")
        if migration.nothing:
            yield from _comment(f"Nothing to do here: {migration.nothing}")
        if migration.destructive:
            yield from _comment("Destructive: it removes data.")
        yield ""
        if self.before and self.template.parts["tables"] != [""]:
            yield from self._tables(migration)
        begun = HistoryRow(migration.version, migration.slug, migration.checksum, RUNNING, done) if done else None
        transactional, alone = self.dialect.transactional_ddl, not self.before
        to_do = list(steps(migration, transactional=transactional, begun=begun, alone=alone))
        outside = [step for step in to_do if step.outside]
        if outside:
            yield from self._part("outside")
            for step in outside:
                yield from self._step(step)
            yield from self._part("inside")
            yield from self._guard((*self.before, *(one for one in self.pending if one.version < migration.version)))
        for step in to_do:
            if not step.outside:
                yield from self._step(step)

    def _tables(self, migration: Migration) -> Iterator[str]:
        """Lock what the migration will lock, each table for itself or all of them together."""
        for lock in migration.locks:
            if lock.stops != STOPS[0]:
                referring = "on" if lock.remakes_keys else "off"
                yield from self._part("tables", tables=", ".join(lock.tables), mode=lock.mode, referring=referring)

    def _step(self, step: Step) -> Iterator[str]:
        """A step as the migrator carries it out, so that it can go on where a script stopped.

        How long a migration took is not measured here: the two times of its row say it where they can.
        """
        version, finished = step.migration.version, NOW if step.state == DONE else None
        if step.action is Action.EXECUTE:
            yield from _ended(step.statement)
        elif step.action is Action.PROGRESS:
            yield from self._statement("history_progress", version=version, statements_done=step.number)
        elif step.action is Action.MARK:
            yield from self._statement(
                "history_finish", version=version, state=step.state, finished_at=finished, duration_ms=None
            )
        else:
            yield from self._statement(
                "history_insert",
                version=version,
                slug=step.migration.slug,
                checksum=step.migration.checksum,
                state=step.state,
                statements_done=step.number,
                started_at=NOW,
                finished_at=finished,
                duration_ms=None,
                library_version=library_version(),
                serves_from=step.migration.serves_from,
            )

    def _statement(self, name: str, **params: Any) -> Iterator[str]:
        yield from _ended(self._rendered(self.catalogue[name].sql, params))

    def _part(self, name: str, **params: Any) -> Iterator[str]:
        """A part of the template: its own SQL, statements of the catalogue, and commands of the client."""
        yield from self._lines_of(name, params)
        if name in GUARDS:
            yield from self._lines_of("stop", {})

    def _lines_of(self, name: str, params: Mapping[str, Any]) -> Iterator[str]:
        own: list[str] = []
        for line in self.template.parts[name]:
            match = _DIRECTIVE.fullmatch(line)
            if match is None:
                own.append(line)
                continue
            if match[1] == "text":
                own += self.catalogue[match[2]].sql.splitlines()
                continue
            yield from self._own(own, params)
            own = []
            if match[1] == "client":
                yield match[2]
            else:
                statement, given = _call(match[2])
                declared = self.catalogue[statement].params
                passed = {name: value for name, value in params.items() if name in declared}
                yield from self._statement(statement, **passed, **given)
        yield from self._own(own, params)

    def _own(self, lines: Sequence[str], params: Mapping[str, Any]) -> Iterator[str]:
        if sql := "\n".join(lines).strip():
            yield from (self._rendered(sql, params), "")

    def _rendered(self, sql: str, params: Mapping[str, Any]) -> str:
        """A statement with its binds written out.

        This is the one place where values become part of a statement: a file that a client runs has nowhere else to
        put them. They are numbers, NULL, and text of this library's own that needs no escapes on any engine, which is
        checked; nothing of a user's is among them.
        """
        for name, value in params.items():
            if value is NOW:
                expression = self.template.values[name].replace("\\", r"\\")
                sql = re.sub(rf"(?<![:\w]):{name}\b", expression, sql)
            elif isinstance(value, str) and not _PLAIN.fullmatch(value):
                raise ConfigError(f"The value of {name} cannot be written into a script: {value!r}.")
        clause = text(sql)
        values = {name: params[name] for name in clause.compile().params}
        return str(clause.bindparams(**values).compile(compile_kwargs={"literal_binds": True}))


def _sum(locks: Sequence[Lock]) -> str:
    """In a sentence or two, how long all of it takes, and the worst lock."""
    heaviest = worst(locks)
    if heaviest is None:
        return "In all: it locks no table that others use."
    total = f"about {seconds(locks):g} s if each table has 1,000,000 rows" if seconds(locks) else "a moment"
    return f"In all: {total}. The worst lock: {heaviest}"


def _call(words: str) -> tuple[str, dict[str, Any]]:
    """What a line `-- run:` says: the statement's name, and its params."""
    name, _, rest = words.partition(" ")
    return name, {param: int(number) if number else quoted for param, quoted, number in _PARAM.findall(rest)}


def _ended(statement: str) -> Iterator[str]:
    yield from (f"{statement};", "")


def _comment(words: str, indent: str = "") -> Iterator[str]:
    """Words as comment lines."""
    yield from textwrap.wrap(
        words,
        WIDTH,
        initial_indent=f"-- {indent}",
        subsequent_indent=f"-- {indent}{indent}",
        break_on_hyphens=False,
        break_long_words=False,
    )
