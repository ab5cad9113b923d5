"""The commands of `trialstore schema …` that need neither a database nor a driver: they print what a client runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trialstore.dialects.errors import ConfigError
from trialstore.dialects.registry import engine_class
from trialstore.dialects.text import clean
from trialstore.sql.diagram import DIAGRAMS
from trialstore.sql.grants import Names, make_grants
from trialstore.sql.migrations import load_migrations
from trialstore.sql.scripts import make_script
from trialstore.sql.structure import expected_facts

from .failures import json_option
from .output import json_text, say

_NAMES = Names()
_schema = click.option("--schema", metavar="NAME", help="Schema of the tables, in engines that have several.")
_create_schema = click.option("--create-schema", is_flag=True, help="Make that schema, if there is none.")


def _output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        json_option("Print a JSON object; its 'text' is the normal output."),
        click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write to FILE instead."),
        click.option("--dialect", metavar="NAME", required=True, help="The engine that it is for."),
    ):
        command = option(command)
    return command


@click.command()
@_output_options
@click.option(
    "--from", "start", metavar="N", type=click.IntRange(min=0), default=0, help="Version to start at (0: no tables)."
)
@click.option(
    "--to", "target", metavar="M", type=click.IntRange(min=1), help="Version to end at (default: the newest)."
)
@click.option(
    "--statement",
    metavar="K",
    type=click.IntRange(min=1),
    default=1,
    help="Go on with statement K of the migration after N, where an earlier run was stopped.",
)
@_schema
@_create_schema
def script(
    dialect: str,
    start: int,
    target: int | None,
    statement: int,
    schema: str | None,
    output: Path | None,
    *,
    create_schema: bool,
    as_json: bool,
) -> None:
    """Print a script that the engine's own client applies.

    It creates or upgrades the schema and records that, as 'apply' would, and stops before anything is changed if the
    database is at another version than N. Needs neither a database nor a driver. The same every time.
    """
    made = make_script(engine_class(dialect), start, target, statement, schema=schema, create_schema=create_schema)
    about = {
        "dialect": made.dialect,
        "from": made.start,
        "to": made.migrations[-1].version,
        "statement": statement,
        "migrations": [str(migration) for migration in made.migrations],
    }
    if schema is not None:
        about["schema"] = schema
    _write(made.text, about, output, as_json=as_json)


@click.command()
@_output_options
@click.option("--owner", metavar="NAME", default=_NAMES.owner, show_default=True, help="Makes and changes tables.")
@click.option("--app", metavar="NAME", default=_NAMES.app, show_default=True, help="Adds and changes rows.")
@click.option("--reader", metavar="NAME", default=_NAMES.reader, show_default=True, help="Only reads.")
@click.option("--database", metavar="NAME", default=_NAMES.database, show_default=True, help="The database.")
@_schema
@_create_schema
@click.option("--keep-public", is_flag=True, help="Leave everybody's rights on database and schema (PUBLIC) alone.")
def grants(
    dialect: str,
    schema: str | None,
    output: Path | None,
    *,
    create_schema: bool,
    keep_public: bool,
    as_json: bool,
    **names: str,
) -> None:
    """Print a script that gives three roles their rights, on our own tables only.

    The roles are created by the administrator, who alone knows their passwords. Where an account is a name and a host,
    NAME may be NAME@HOST; the host is % otherwise. Names are taken as they are, capitals too. An engine without roles
    has no such script: exit code 1, and what to use instead.
    """
    cls = engine_class(dialect)
    text = make_grants(cls, Names(**names), schema=schema, create_schema=create_schema, keep_public=keep_public)
    about = {"dialect": cls.name, **names}
    if schema is not None:
        about["schema"] = schema
    _write(text, about, output, as_json=as_json)


@click.command()
@_output_options
@click.option(
    "--format",
    "form",
    type=click.Choice([*DIAGRAMS]),
    default=next(iter(DIAGRAMS)),
    show_default=True,
    help="The notation.",
)
def diagram(dialect: str, form: str, output: Path | None, *, as_json: bool) -> None:
    """Print a diagram of tables, columns and keys.

    In Mermaid's notation, which many wikis and hosted repositories show as a picture, or in Graphviz' (dot).
    """
    cls = engine_class(dialect)
    version = load_migrations(cls.migrations_folder)[-1].version
    text = DIAGRAMS[form](expected_facts(cls.migrations_folder, version))
    _write(text, {"dialect": cls.name, "version": version, "format": form}, output, as_json=as_json)


def _write(text: str, about: dict[str, Any], output: Path | None, *, as_json: bool) -> None:
    """Print a script, or write it to a file, with the same bytes on every system."""
    if as_json:
        text = json_text({**about, "text": text}) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_bytes(text.encode("utf-8"))
    except OSError as exc:
        raise ConfigError(f"{output} cannot be written: {exc.strerror}.", "Name another file with -o.") from None
    say(f"Written to {clean(str(output))}.", err=True)
