"""The commands `trialstore schema …`: the group, and `status`, `plan` and `apply`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from trialstore.dialects.text import clean
from trialstore.sql.inspection import Found
from trialstore.sql.migrations import Migration
from trialstore.sql.steps import who_can_run
from trialstore.storage.schema.deployment import (
    PlannedMigration,
    SchemaPlan,
    SchemaStatus,
    apply_schema,
    schema_plan,
    schema_status,
)

from .exit_codes import BROKEN, FINE, PENDING, SchemaCommands
from .failures import error_dict, json_option
from .output import console, moment, print_json, print_sentence, print_table, say
from .reports import JSON, PROMETHEUS, TEXT, format_option, print_report
from .schema_checks import adopt, resolve, verify
from .schema_lint import lint_files
from .schema_offline import diagram, grants, script
from .schema_reports import plan_report, status_report
from .target import Target, storage_options

_json = json_option()
_to = click.option("--to", type=click.IntRange(min=1), metavar="VERSION", help="Up to this version (default: newest).")


@click.group(cls=SchemaCommands)
def schema() -> None:
    """Deploy the database's schema."""


for _command in (script, grants, diagram, verify, adopt, resolve, lint_files):
    schema.add_command(_command)


# --- status -----------------------------------------------------------------------------------------------------------


@schema.command()
@format_option(PROMETHEUS)
@storage_options
@click.pass_context
def status(ctx: click.Context, target: Target, form: str) -> None:
    """Show the version, what is pending, and the history. Runs SELECTs only, and creates nothing."""
    with target.database_to_look() as database:
        found = schema_status(database)
    if form == JSON:
        print_json(_status_dict(found))
    elif form == TEXT:
        _print_status(found)
    else:
        print_report(status_report(found), form)
    ctx.exit(_code(found))


def _code(found: SchemaStatus) -> int:
    if found.broken:
        return BROKEN
    return PENDING if found.pending or found.found is not Found.OURS else FINE


def _status_dict(found: SchemaStatus) -> dict[str, Any]:
    trouble = found.trouble
    return {
        "database": found.label,
        "schema": found.schema,
        "holds": found.found.name.lower(),
        "version": found.version,
        "newest": found.newest,
        "pending": [str(migration) for migration in found.pending],
        "interrupted": found.interrupted,
        "problem": None if trouble is None else error_dict(trouble),
        "history": [
            {
                "version": entry.version,
                "slug": entry.slug,
                "state": entry.state,
                "statements_done": entry.statements_done,
                "started_at": entry.started_at.isoformat(),
                "finished_at": None if entry.finished_at is None else entry.finished_at.isoformat(),
                "duration_ms": entry.duration_ms,
                "database_user": entry.database_user,
                "library_version": entry.library_version,
            }
            for entry in found.history
        ],
    }


def _print_status(found: SchemaStatus) -> None:
    named = "" if found.schema is None else f" (schema {found.schema})"
    print_sentence(f"{found.label}{named}: {_headline(found)}")
    if found.trouble is not None:
        print_sentence(f"Broken: {found.trouble.message}")
        print_sentence(f"Hint: {found.trouble.hint}")
    for migration in found.pending:
        print_sentence(f"pending: {migration}")
    if found.history:
        columns = ("migration", "state", "finished (UTC)", "ms", "user", "library")
        rows = [
            (
                str(entry),
                entry.state,
                moment(entry.finished_at),
                entry.duration_ms,
                entry.database_user,
                entry.library_version,
            )
            for entry in found.history
        ]
        print_table(console(), "", columns, rows)


def _headline(found: SchemaStatus) -> str:
    if found.trouble is not None:
        return "the schema is broken."
    if found.found is Found.MLOS_BENCH:
        return (
            f"written by mlos_bench, as version {found.version} of {found.newest}, and not adopted yet: "
            "run 'trialstore schema adopt'."
        )
    if found.found is not Found.OURS:
        return f"{found.found.value}; version {found.newest} is pending: run 'trialstore schema apply'."
    if found.interrupted:
        return (
            f"schema version {found.version} of {found.newest}; {found.pending[0]} was begun and is not finished. If "
            f"no other process is running it, 'trialstore schema apply' continues it. {who_can_run(found.pending[0])}"
        )
    if found.pending:
        return f"schema version {found.version} of {found.newest}; {len(found.pending)} pending."
    return f"schema version {found.version}, up to date."


# --- plan and apply ---------------------------------------------------------------------------------------------------


@schema.command()
@_to
@format_option()
@storage_options
@click.pass_context
def plan(ctx: click.Context, target: Target, to: int | None, form: str) -> None:
    """Show the statements that apply would run, and write nothing.

    Each migration with its purpose, what it locks, and whether a failure is undone by a rollback. Any login that may
    read can ask; what keeps it from applying the plan itself is said first. Runs SELECTs only.
    """
    with target.database_to_look() as database:
        found = schema_plan(database, to)
    if form == JSON:
        print_json(_plan_dict(found))
    elif form == TEXT:
        _print_plan(found)
    else:
        print_report(plan_report(found), form)
    ctx.exit(FINE if found.empty else PENDING)


def _plan_dict(found: SchemaPlan) -> dict[str, Any]:
    return {
        "database": found.label,
        "holds": found.found.name.lower(),
        "version": found.version,
        "target": found.target,
        "newest": found.newest,
        "creates_history": found.creates_history or None,
        "adopts": [str(migration) for migration in found.adopts],
        "refusals": list(found.refusals),
        "migrations": [
            {
                "version": planned.migration.version,
                "slug": planned.migration.slug,
                "purpose": planned.migration.purpose,
                "locks": planned.migration.locks_text,
                "lock_details": [{**asdict(lock), "rewrites": lock.rewrites} for lock in planned.migration.locks],
                "undone_by_rollback": planned.undone_by_rollback,
                "destructive": planned.migration.destructive,
                "nothing": planned.migration.nothing or None,
                "first_statement": planned.first,
                "statements": list(planned.statements),
            }
            for planned in found.migrations
        ],
    }


def _print_plan(found: SchemaPlan) -> None:
    if found.empty:
        say(f"-- {found.label}: nothing to do, at schema version {found.version} of {found.newest}.")
        return
    say(f"-- {found.label}: from schema version {found.version} to {found.target}; the newest is {found.newest}.")
    for refusal in found.refusals:
        say(f"-- As this login 'apply' would be refused: {clean(refusal)}")
    if found.creates_history:
        say(f"\n-- The history, in which each migration is recorded:\n{found.creates_history};")
    for migration in found.adopts:
        say(f"\n-- {migration} is recorded as adopted; no statement of it runs.")
    for planned in found.migrations:
        say(_migration_text(planned))


def _migration_text(planned: PlannedMigration) -> str:
    migration = planned.migration
    if planned.undone_by_rollback:
        failure = "undone as a whole by a rollback"
    elif any(step.outside for step in planned.steps):
        failure = "an index may stay, perhaps unfinished (INVALID); the next apply makes it anew"
    else:
        failure = "statements that are done stay; the next apply goes on with the one that failed"
    lines = [
        "",
        f"-- {migration}",
        f"-- purpose: {migration.purpose}",
        f"-- locks: {migration.locks_text}",
        f"-- failure: {failure}",
        f"-- destructive: {'yes' if migration.destructive else 'no'}",
    ]
    if planned.first > 1:
        lines.append(f"-- begun: statements 1 to {planned.first - 1} of {len(migration.statements)} are done")
    if migration.nothing:
        lines.append(f"-- nothing: {migration.nothing}")
    return "\n".join([*lines, *(f"{statement};" for statement in planned.statements)])


@schema.command()
@_to
@click.option("--create-schema", is_flag=True, help="Make the schema of --schema, or of the config, if there is none.")
@_json
@storage_options
def apply(target: Target, to: int | None, as_json: bool, *, create_schema: bool) -> None:
    """Bring the schema up to date: create it, adopt a database of mlos_bench, or apply what is pending.

    Waits for another apply that is at work, and for tables in use, for a limited time, and says who is in the way. Can
    be run again after any failure: it goes on where the earlier run stopped. A new database is created only where
    --config or --url names it.
    """
    target.check_named()
    with target.database(schema_policy="update") as database:
        done = apply_schema(database, to, create_schema=create_schema)
    found = done.status
    if as_json:
        names: dict[str, list[Migration]] = {"adopted": [*done.adopted], "applied": [*done.applied]}
        migrated = {name: [str(migration) for migration in migrations] for name, migrations in names.items()}
        continued = {"continued": None if done.continued is None else str(done.continued)}
        print_json({**migrated, **continued, **_status_dict(found)})
        return
    for migration in done.adopted:
        print_sentence(f"Adopted {migration}.")
    if done.continued is not None:
        print_sentence(f"Went on with migration {done.continued}, where an earlier run had stopped.")
    took = {entry.version: entry.duration_ms for entry in found.history}
    for migration in done.applied:
        print_sentence(f"Applied {migration} ({took.get(migration.version)} ms).")
    if found.pending:
        print_sentence(
            f"{found.label}: the schema is at version {found.version}; {len(found.pending)} are still pending."
        )
    else:
        print_sentence(f"{found.label}: the schema is up to date, at version {found.version}.")
