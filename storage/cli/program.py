"""The command line `trialstore`: the group of commands.

A command (or group of commands) is a line in COMMANDS; its module is imported when it is called. It takes the storage
from `storage_options`, and raises StorageError for whatever goes wrong.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from trialstore.dialects.errors import StorageError

from .output import show_error
from .target import DEFAULT_FILE

COMMANDS = {
    "cancel": "trialstore.storage.cli.cancel:cancel",
    "demo": "trialstore.storage.cli.demo:demo",
    "schema": "trialstore.storage.cli.schema:schema",
    "list": "trialstore.storage.cli.list:list_experiments",
    "show": "trialstore.storage.cli.show:show",
    "sql": "trialstore.storage.cli.sql:sql",
}


class Commands(click.Group):
    """A group whose commands are imported when called, and whose storage errors are shown without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, for the help."""
        return sorted({*COMMANDS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a StorageError ends it with exit code 1."""
        try:
            return super().invoke(ctx)
        except StorageError as exc:
            show_error(exc)
            ctx.exit(1)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Commands work on the file {DEFAULT_FILE} in the current folder unless --config or --url names another.",
)
@click.version_option(package_name="trialstore", message="trialstore %(version)s")
def main() -> None:
    """Store benchmark experiments, their trials, results and telemetry in a SQL database."""
