"""The one logical schema that all engines hold, how each engine writes it, and where an engine differs and why.

A line is a column (`name type`, with `?` if it may be NULL), a key, or an index. `written` turns the logical lines into
those that an engine is expected to have, `deviations` holds them against what it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from upgrade.databases import Structure

Line = tuple[str, str]
"""A table, and what it has."""

# --- the schema -------------------------------------------------------------------------------------------------------

SCHEMA = """
experiment
    exp_id id
    description text(1024)?
    root_env_config text(1024)
    git_repo text(1024)
    git_commit text(40)
    ts_start time?
    ts_end time?
    status text(16)?
    driver_name text(40)?
    driver_pid int?
    primary key (exp_id)

objectives
    exp_id id
    optimization_target id
    optimization_direction text(4)
    weight float?
    primary key (exp_id, optimization_target)
    foreign key (exp_id) to experiment (exp_id)

config
    config_id number
    config_hash text(64)
    primary key (config_id)
    unique (config_hash)

config_param
    config_id int
    param_id id
    param_value value(1024)?
    value_type letter?
    primary key (config_id, param_id)
    foreign key (config_id) to config (config_id)

trial
    exp_id id
    trial_id int
    config_id int
    trial_runner_id int?
    ts_start time
    ts_end time?
    status text(16)
    lease_ends time?
    lease_fence int?
    creation_id text(16)?
    claim_id text(16)?
    context_id int?
    primary key (exp_id, trial_id)
    foreign key (exp_id) to experiment (exp_id)
    foreign key (config_id) to config (config_id)
    foreign key (context_id) to context (context_id)
    index (exp_id, status, ts_start, trial_id)
    index (config_id, exp_id, trial_id)

trial_param
    exp_id id
    trial_id int
    param_id id
    param_value value(1024)?
    value_type letter?
    primary key (exp_id, trial_id, param_id)
    foreign key (exp_id, trial_id) to trial (exp_id, trial_id)

trial_status
    exp_id id
    trial_id int
    ts time
    status text(16)
    primary key (exp_id, trial_id, ts)
    foreign key (exp_id, trial_id) to trial (exp_id, trial_id)

trial_result
    exp_id id
    trial_id int
    metric_id id
    metric_value value(255)?
    value_type letter?
    primary key (exp_id, trial_id, metric_id)
    foreign key (exp_id, trial_id) to trial (exp_id, trial_id)

trial_telemetry
    exp_id id
    trial_id int
    ts time
    metric_id id
    metric_value value(255)?
    value_type letter?
    primary key (exp_id, trial_id, ts, metric_id)
    foreign key (exp_id, trial_id) to trial (exp_id, trial_id)

trial_lineage
    exp_id id
    trial_id int
    source_exp_id id
    source_trial_id int
    primary key (exp_id, trial_id)
    unique (exp_id, source_exp_id, source_trial_id)
    foreign key (exp_id, trial_id) to trial (exp_id, trial_id)

experiment_attribute
    exp_id id
    attribute_id id
    attribute_value value(1024)?
    value_type letter?
    primary key (exp_id, attribute_id)
    foreign key (exp_id) to experiment (exp_id)

trial_attribute
    exp_id id
    trial_id int
    attribute_id id
    attribute_value value(1024)?
    value_type letter?
    primary key (exp_id, trial_id, attribute_id)
    foreign key (exp_id, trial_id) to trial (exp_id, trial_id)

context
    context_id number
    context_hash text(64)
    primary key (context_id)
    unique (context_hash)

context_value
    context_id int
    key_id id
    key_value value(1024)?
    value_type letter?
    primary key (context_id, key_id)
    foreign key (context_id) to context (context_id)

trialstore_schema
    version int
    slug text(100)
    checksum text(64)
    state text(16)
    statements_done int
    started_at time
    finished_at time?
    duration_ms int?
    database_user text(128)?
    library_version text(40)
    serves_from int?
    primary key (version)
"""

# --- the type map -----------------------------------------------------------------------------------------------------

# n stands for the length. `collate bytes` is the collation by byte, whatever the server calls it.
TYPES = {
    # Ids compare by byte. MySQL counts four bytes a character in an index, which ends at 3072 bytes: two ids must fit.
    # SQLite and DuckDB compare all text by byte, and say nothing of it.
    "id": {
        "sqlite": "VARCHAR(512)",
        "postgresql": "character varying(512) collate bytes",
        "mysql": "varchar(255) collate bytes",
        "duckdb": "VARCHAR",
    },
    # What is shown, or compared for equality only. DuckDB does not keep a length.
    "text": {
        "sqlite": "VARCHAR(n)",
        "postgresql": "character varying(n)",
        "mysql": "varchar(n) collate bytes",
        "duckdb": "VARCHAR",
    },
    # Up to 65,535 bytes. SQLite still names mlos_bench's length, which it does not enforce.
    "value": {
        "sqlite": "VARCHAR(n)",
        "postgresql": "text",
        "mysql": "text collate bytes",
        "duckdb": "VARCHAR",
    },
    "letter": {
        "sqlite": "CHAR(1)",
        "postgresql": "character(1)",
        "mysql": "char(1) collate bytes",
        "duckdb": "VARCHAR",
    },
    "int": {"sqlite": "INTEGER", "postgresql": "integer", "mysql": "int", "duckdb": "INTEGER"},
    # An int that the database counts up. In SQLite every INTEGER that is a primary key is one.
    "number": {
        "sqlite": "INTEGER",
        "postgresql": "integer default nextval('TABLE_COLUMN_seq'::regclass)",
        "mysql": "int default auto_increment",
        "duckdb": "INTEGER default nextval('COLUMN_seq')",
    },
    # A double. SQLite has no other.
    "float": {"sqlite": "FLOAT", "postgresql": "double precision", "mysql": "double", "duckdb": "DOUBLE"},
    # UTC, to the microsecond: PostgreSQL's and DuckDB's precision when none is named; text in SQLite.
    "time": {
        "sqlite": "DATETIME",
        "postgresql": "timestamp with time zone",
        "mysql": "datetime(6)",
        "duckdb": "TIMESTAMP",
    },
}
BY_BYTE = ("C", "utf8mb4 by byte")

# --- the differences --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """What engines have in place of something of the logical schema, and why."""

    engines: tuple[str, ...]
    table: str
    instead_of: str
    there_is: str | None
    why: str


DIFFERENCES = (
    Difference(
        ("mysql", "duckdb"),
        "trial",
        "foreign key (context_id) to context (context_id)",
        None,
        "MySQL would write the table anew to add it; DuckDB cannot add it, and changes a column that has one by "
        "deleting and inserting the row.",
    ),
    Difference(
        ("sqlite", "duckdb"),
        "trial_status",
        "primary key (exp_id, trial_id, ts)",
        "unique (exp_id, trial_id, ts)",
        "Neither can make a unique key that mlos_bench left into a primary key; the unique key holds all the same.",
    ),
    Difference(
        ("sqlite", "duckdb"),
        "trial_telemetry",
        "primary key (exp_id, trial_id, ts, metric_id)",
        "unique (exp_id, trial_id, ts, metric_id)",
        "Neither can make a unique key that mlos_bench left into a primary key; the unique key holds all the same.",
    ),
    Difference(
        ("duckdb",),
        "trial",
        "index (exp_id, status, ts_start, trial_id)",
        None,
        "DuckDB changes an indexed column by deleting and inserting the row, which foreign keys to it then forbid.",
    ),
    Difference(
        ("duckdb",),
        "trial",
        "index (config_id, exp_id, trial_id)",
        None,
        "DuckDB's scans read one column and skip what cannot match; an index would only cost writes.",
    ),
)

# --- the comparison ---------------------------------------------------------------------------------------------------


def logical() -> Iterator[Line]:
    """The lines of the logical schema."""
    for paragraph in SCHEMA.strip().split("\n\n"):
        table, *lines = paragraph.splitlines()
        yield from ((table, line.strip()) for line in lines)


def written(engine: str, lines: Iterable[Line]) -> set[Line]:
    """Logical lines in the words of an engine; keys and indexes are the same in all."""
    return {(table, _written(engine, table, line)) for table, line in lines}


def _written(engine: str, table: str, line: str) -> str:
    match = re.fullmatch(r"(\w+) (\w+)(?:\((\d+)\))?(\?)?", line)
    if match is None:
        return line
    name, kind, length, nullable = match.groups()
    type_ = TYPES[kind][engine].replace("(n)", f"({length})").replace("TABLE", table).replace("COLUMN", name)
    return _column(name, type_, nullable=bool(nullable))


def _column(name: str, written_type: str, *, nullable: bool) -> str:
    return f"{name} {written_type}{'' if nullable else ' not null'}"


def found(structure: Structure) -> set[Line]:
    """What an engine has, in lines."""
    lines = set()
    for column in structure.columns:
        default = f" default {column.default}" if column.default is not None else ""
        collation = "bytes" if column.collation in BY_BYTE else column.collation
        collate = f" collate {collation}" if collation is not None else ""
        lines.add((column.table, _column(column.name, f"{column.type}{collate}{default}", nullable=column.nullable)))
    for key in structure.keys:
        line = f"{key.kind.lower()} ({', '.join(key.columns)})"
        if key.refers_to:
            tables, columns = zip(*(part.split(".") for part in key.refers_to), strict=True)
            line += f" to {tables[0]} ({', '.join(columns)})"
        lines.add((key.table, line))
    return lines


def deviations(
    engine: str, structure: Structure, differences: tuple[Difference, ...] = DIFFERENCES
) -> dict[str, list[str]]:
    """How an engine's schema differs from the logical one in what is not declared: table → `- line` for what it lacks,
    `+ line` for what it has too much."""
    expected = written(engine, logical())
    for difference in differences:
        if engine in difference.engines:
            (instead_of,) = written(engine, [(difference.table, difference.instead_of)])
            assert instead_of in expected, f"the logical schema has no such thing: {difference}"
            expected.remove(instead_of)
            if difference.there_is is not None:
                expected |= written(engine, [(difference.table, difference.there_is)])
    actual = found(structure)
    told: dict[str, list[str]] = {}
    for sign, lines in (("-", expected - actual), ("+", actual - expected)):
        for table, line in sorted(lines):
            told.setdefault(table, []).append(f"{sign} {line}")
    return told
