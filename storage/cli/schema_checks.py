"""The commands `trialstore schema verify`, `adopt` and `resolve`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import click

from trialstore.dialects.text import clean
from trialstore.sql.structure import Difference
from trialstore.storage.schema.deployment import adopt_schema, verify_schema
from trialstore.storage.schema.resolution import Unfinished, find_unfinished
from trialstore.storage.schema.resolution import resolve as resolve_migration

from .exit_codes import BROKEN, FINE, USAGE
from .failures import json_option
from .output import print_json, print_sentence, say
from .reports import JSON, PROMETHEUS, TEXT, format_option, print_report
from .schema_reports import verify_report
from .target import Target, storage_options

_json = json_option()


@click.command()
@click.option("--strict", is_flag=True, help="Tables and indexes that are not ours count as differences too.")
@format_option(PROMETHEUS)
@storage_options
@click.pass_context
def verify(ctx: click.Context, target: Target, form: str, *, strict: bool) -> None:
    """Compare the database with what the migrations say at its version.

    Each difference is a line: missing, different or extra. Tables and non-unique indexes of the administrator's own are
    listed separately, and count as differences only with --strict. Runs SELECTs only.
    """
    with target.database_to_look() as database:
        found = verify_schema(database)
    failed = bool(found.harmful or (strict and found.additions))
    if form == JSON:
        print_json(
            {
                "database": found.label,
                "version": found.version,
                "newest": found.newest,
                "differences": _dicts(found.harmful),
                "additions": _dicts(found.additions),
            }
        )
    elif form != TEXT:
        print_report(verify_report(found.label, found.harmful, found.additions, strict=strict), form)
    else:
        _print_lines(found.harmful)
        if found.additions:
            print_sentence("Not of this library" + (":" if strict else " (a difference with --strict only):"))
            _print_lines(found.additions)
        count = len(found.harmful) + (len(found.additions) if strict else 0)
        result = f"{count} difference{'s' * (count != 1)} from" if failed else "as the migrations say at"
        print_sentence(f"{found.label}: {result} version {found.version:04d} (newest: {found.newest:04d}).")
    ctx.exit(BROKEN if failed else FINE)


@click.command()
@_json
@storage_options
def adopt(target: Target, as_json: bool) -> None:
    """Take over a database that mlos_bench wrote, as it is; or record again what the history has lost.

    Its structure must be that of the revision in its table alembic_version (without that table, of the oldest one);
    then the steps up to there are recorded as adopted. No migration runs and alembic_version stays, so mlos_bench goes
    on working; 'trialstore schema apply' then applies what is pending.

    Where tables of this library lost their history, or a part of it, the versions that they are built as are recorded
    again. What is built as no version is refused.
    """
    with target.database() as database:
        adopted = adopt_schema(database)
    if as_json:
        print_json({"database": database.config.label, "adopted": [str(migration) for migration in adopted]})
        return
    for migration in adopted:
        print_sentence(f"Adopted {migration}.")
    if adopted:
        print_sentence(f"{database.config.label}: 'trialstore schema apply' applies what is pending, if anything.")
    else:
        print_sentence(f"{database.config.label}: nothing to adopt, the history has all that the tables are built as.")


@click.command()
@click.argument("version", type=click.IntRange(min=1))
@click.option("--done", is_flag=True, help="Record it as done: it was completed by hand.")
@click.option("--retry", is_flag=True, help="Record it as pending: the next apply runs the rest.")
@click.option("--force", is_flag=True, help="With --done: even if the database differs from that version.")
@_json
@storage_options
@click.pass_context
def resolve(
    ctx: click.Context, target: Target, version: int, done: bool, retry: bool, force: bool, as_json: bool
) -> None:
    """Resolve an interrupted migration: inspect it, then mark it done or pending.

    Shows what it left behind, and does nothing more without --done or --retry. Where DDL is not undone by a rollback,
    'trialstore schema apply' continues by itself after a kill; this is for changes made by hand.
    """
    if done and retry:
        raise click.UsageError("--done and --retry contradict each other: choose one.")
    if force and not done:
        raise click.UsageError("--force is for --done.")
    with target.database() as database:
        found = find_unfinished(database, version)
        if not as_json:
            _print_unfinished(found)
        outcome = resolve_migration(database, version, done=done, force=force) if done or retry else None
    if as_json:
        print_json({**_unfinished_dict(found), "resolved": outcome})
    elif outcome is not None:
        print_sentence(outcome)
    if outcome is None:
        say("Choose --done or --retry.", err=True)
        ctx.exit(USAGE)


def _print_unfinished(found: Unfinished) -> None:
    row, count = found.row, len(found.migration.statements)
    print_sentence(f"Migration {found.migration} is {row.state}: {row.statements_done} of {count} statements are done.")
    if found.next_statement is not None:
        say(f"Statement {row.statements_done + 1}:\n{found.next_statement};")
    for version, differences in ((row.version, found.to_this), (row.version - 1, found.to_before)):
        print_sentence(f"Differences from version {version:04d}:{'' if differences else ' none'}")
        _print_lines(differences, indent="  ")


def _unfinished_dict(found: Unfinished) -> dict[str, Any]:
    return {
        "migration": str(found.migration),
        "state": found.row.state,
        "statements_done": found.row.statements_done,
        "statements": len(found.migration.statements),
        "next_statement": found.next_statement,
        "differences_from_this": _dicts(found.to_this),
        "differences_from_before": _dicts(found.to_before),
    }


def _dicts(differences: Iterable[Difference]) -> list[dict[str, Any]]:
    return [{"line": str(one), **asdict(one)} for one in differences]


def _print_lines(differences: Iterable[Difference], indent: str = "") -> None:
    for one in differences:
        say(f"{indent}{clean(str(one))}")
