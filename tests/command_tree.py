"""The commands of the command line, found in its groups, so that tests of every command name none."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence

import click
from click.testing import CliRunner, Result

from trialstore.storage.cli import main

Words = tuple[str, ...]


def invoke(arguments: Sequence[str]) -> Result:
    """Run a command with stdout and stderr apart, which older versions of click do only when told."""
    options = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    return CliRunner(**options).invoke(main, list(arguments))


def commands(group: click.Group = main, above: Words = ()) -> Iterator[tuple[Words, click.Command]]:
    """The words that call each command, and the command; groups are only walked through."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*above, name))
        else:
            yield (*above, name), command


def opens_storage(command: click.Command) -> bool:
    """Whether it takes a storage."""
    return any("--url" in option.opts for option in command.params)


def with_arguments(words: Words, command: click.Command) -> list[str]:
    """The words, and a value for each argument and option that the command needs."""
    needed = [param for param in command.params if param.required]
    options = [word for param in needed if isinstance(param, click.Option) for word in (param.opts[0], "1")]
    return [*words, *options, *("1" for param in needed if isinstance(param, click.Argument))]


ON_STORAGES = {words: with_arguments(words, command) for words, command in commands() if opens_storage(command)}
"""Words of each command that takes a storage → a call of it with all that it needs but that."""
