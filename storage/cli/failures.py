"""How an error is shown: for people on standard error, and where the command prints for machines, for them too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from trialstore.dialects.errors import StorageError

from .output import print_json, say

_PRINT = f"{__name__}.print"


def json_option(what: str = "Print JSON; errors too, as an object 'error'.") -> Callable[..., Any]:
    """The option `--json` (`as_json`) of a command."""
    return click.option("--json", "as_json", is_flag=True, callback=_remember, help=what)


def _remember(ctx: click.Context, _parameter: click.Parameter, value: bool) -> bool:
    if value:
        want_json(ctx)
    return value


def want_json(ctx: click.Context) -> None:
    """The command prints JSON, so that an error is to be printed as JSON, too."""
    print_errors(ctx, lambda error: print_json({"error": error_dict(error)}))


def print_errors(ctx: click.Context, show: Callable[[StorageError], None]) -> None:
    """Have an error of this command also printed by `show`, for machines, beside the text for people."""
    ctx.meta[_PRINT] = show  # which a context shares with those around it


def show_error(error: StorageError) -> None:
    """Print an error and what to do about it."""
    ctx = click.get_current_context(silent=True)
    if ctx is not None and (show := ctx.meta.get(_PRINT)):
        show(error)
    say(f"Error: {error.message}", err=True)
    if error.hint:
        say(f"Hint: {error.hint}", err=True)


def error_dict(error: StorageError) -> dict[str, Any]:
    """An error as JSON has it: its class, message and hint; the database's code for it, and where a migration had
    got to (null where there is none)."""
    return {
        "class": type(error).__name__,
        "code": error.code or None,
        "message": error.message,
        "step": error.step or None,
        "hint": error.hint or None,
    }
