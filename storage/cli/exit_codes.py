"""The exit codes of `trialstore schema …`, and the group of commands that ends with them."""

from __future__ import annotations

from typing import Any

import click

from trialstore.dialects.errors import (
    MigrationChecksumMismatch,
    MigrationFileInvalid,
    MigrationIncomplete,
    SchemaDrift,
    SchemaTooNew,
)

from .failures import show_error

FINE, ERROR, USAGE, PENDING, BROKEN = range(5)

EXIT_CODES = """\
\b
Exit codes:
    0  fine: up to date, no difference, done
    1  an error: no connection, no right, a migration was refused
    2  wrong usage
    3  something is pending
    4  broken or different: a history, a file or a structure is not as it should be
  130  interrupted (Ctrl-C)
  141  the reader closed the pipe
"""

_BROKEN = (SchemaDrift, SchemaTooNew, MigrationChecksumMismatch, MigrationFileInvalid, MigrationIncomplete)


class SchemaCommands(click.Group):
    """A group whose commands document the exit codes, and end with BROKEN for errors that say so."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, the exit codes below its help."""
        cmd.epilog = cmd.epilog or EXIT_CODES
        super().add_command(cmd, name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except _BROKEN as exc:
            show_error(exc)
            ctx.exit(BROKEN)
