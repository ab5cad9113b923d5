"""The commands `trialstore schema …`."""

from __future__ import annotations

import click

from .cli import Target, storage_options


@click.group()
def schema() -> None:
    """Deploy the database's schema."""


@schema.command()
@storage_options
def apply(target: Target) -> None:
    """Bring the schema up to date: create it, adopt a database of mlos_bench, or apply what is pending."""
    with target.open(lazy_schema_create=True, schema_policy="update") as storage:
        storage.update_schema()
        click.echo(f"{storage!r}: the schema is up to date.")
