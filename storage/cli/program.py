"""The command line `trialstore`: the group of commands.

A command (or group of commands) is a line in COMMANDS; its module is imported when it is called. It takes the storage
from `storage_options`, and raises StorageError for whatever goes wrong.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from trialstore.dialects.errors import StorageError

from .failures import show_error
from .output import say
from .streams import CLOSED_PIPE, INTERRUPTED, OutputFailed, standard_streams
from .target import DEFAULT_FILE, URL_VARIABLE

COMMANDS = {
    "cancel": "trialstore.storage.cli.cancel:cancel",
    "demo": "trialstore.storage.cli.demo:demo",
    "find": "trialstore.storage.cli.find:find",
    "schema": "trialstore.storage.cli.schema:schema",
    "note": "trialstore.storage.cli.attributes:note",
    "plot": "trialstore.storage.cli.plot:plot",
    "tag": "trialstore.storage.cli.attributes:tag",
    "untag": "trialstore.storage.cli.attributes:untag",
    "list": "trialstore.storage.cli.list:list_experiments",
    "show": "trialstore.storage.cli.show:show",
    "sql": "trialstore.storage.cli.sql:sql",
}

_EPILOG = f"""\
Commands work on the file {DEFAULT_FILE} in the current folder unless --config, --url or the variable
{URL_VARIABLE} names another.

\b
Exit codes:
    0  done
    1  an error, described on standard error
    2  wrong usage
  130  interrupted (Ctrl-C)
  141  the reader closed the pipe
"""


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

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program and end it with its exit code, without a traceback whatever becomes of its output."""

        def run() -> Any:
            return super(Commands, self).main(args, prog_name, complete_var, standalone_mode=False, **extra)

        if not standalone_mode:
            return run()
        with standard_streams():
            try:
                code = _exit_code(run)
                sys.stdout.flush()
            except OutputFailed as exc:
                code = CLOSED_PIPE
                if not exc.nobody_reads:
                    show_error(StorageError(f"The output cannot be written: {exc}.", "Send it elsewhere."))
                    code = 1
        sys.exit(code)


def _exit_code(run: Callable[[], Any]) -> int:
    try:
        code = run()
    except click.ClickException as exc:
        message = io.StringIO()  # which may repeat arguments as they were given
        exc.show(message)
        say(message.getvalue().rstrip("\n"), err=True)
        return exc.exit_code
    except click.Abort:
        say("Interrupted.", err=True)
        return INTERRUPTED
    return code if isinstance(code, int) else 0


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)
@click.version_option(package_name="trialstore", message="trialstore %(version)s")
def main() -> None:
    """Store benchmark experiments, their trials, results and telemetry in a SQL database."""
