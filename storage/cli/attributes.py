"""The commands `trialstore tag`, `untag` and `note`: attributes of experiments and trials."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from trialstore.dialects.text import clean

from .found import find_experiment, find_named
from .output import console, distinct, print_fields, print_json, print_sentence, say
from .target import Target, storage_options

if TYPE_CHECKING:
    from trialstore.storage.base_attributes import Attributed
    from trialstore.storage.base_experiment_data import ExperimentData

_NOTE = "note"
_PYTHON = {"True": True, "False": False, "None": None}
_QUOTES_AND_BRACKETS = tuple("'\"[{(")


def _named(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument EXPERIMENT[:TRIAL] and the option --trial."""
    option = click.option(
        "--trial",
        "trial_id",
        type=int,
        metavar="ID",
        help="The trial of this id, whatever colons the experiment's has.",
    )
    return click.argument("named", metavar="EXPERIMENT[:TRIAL]")(option(command))


def _searching(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option --where."""
    return click.option(
        "--where",
        metavar="EXPR",
        help="All trials of the experiment that fulfil this condition, as of `trialstore find`; '' for all.",
    )(command)


@contextmanager
def _opened(target: Target, named: str, trial_id: int | None) -> Iterator[Attributed]:
    with target.open(schema_policy="verify", lazy_schema_create=False) as storage:
        yield find_named(storage.experiments, named, trial_id)


@contextmanager
def _opened_to_search(target: Target, experiment: str, trial_id: int | None) -> Iterator[ExperimentData]:
    if trial_id is not None:
        raise click.UsageError("--where and --trial exclude each other: give one of them.")
    with target.open(schema_policy="verify", lazy_schema_create=False) as storage:
        yield find_experiment(storage.experiments, experiment)


def _say_found(count: int, what: str) -> None:
    """Print to how many trials something was done."""
    trials = "1 trial" if count == 1 else f"{count} trials"
    print_sentence(f"{what} {trials}." if count else "No trial fits.")


@click.command("tag")
@_named
@_searching
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="Print the attributes as JSON.")
@storage_options
def tag(
    target: Target, named: str, trial_id: int | None, where: str | None, pairs: tuple[str, ...], *, as_json: bool
) -> None:
    """Give an experiment or a trial attributes, and print all that it has.

    Without KEY=VALUE it only prints them. A VALUE is read as JSON where it is JSON: n=3 is a number, ok=true, x=null,
    tags='["a", "b"]', s='"3"' is text. True, False, None, and quoted text, lists and dicts may also be written as in
    Python. Anything else is text as it is: host=db1, day=2026-03-04.

    EXPERIMENT:3 is trial 3, unless there is an experiment of that whole name; then --trial 3 names the trial. With
    --where all trials that fit get the attributes, and their number is printed.
    """
    values = dict(_pairs(pairs))
    if where is not None:
        if not values or as_json:
            raise click.UsageError("--where is for writing: give KEY=VALUE, and no --json.")
        with _opened_to_search(target, named, trial_id) as data:
            count = data.set_attributes_where(where, values)
        _say_found(count, "Tagged")
        return
    with _opened(target, named, trial_id) as owner:
        owner.set_attributes(values)
        found = owner.attributes
    if as_json:
        print_json(found)
    else:
        print_fields(console(), {name: distinct(value) for name, value in found.items()}, "Attributes")


@click.command("untag")
@_named
@_searching
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@storage_options
def untag(target: Target, named: str, trial_id: int | None, where: str | None, keys: tuple[str, ...]) -> None:
    """Delete attributes of an experiment or a trial; those that are not there are no error.

    With --where all trials that fit lose them, and their number is printed.
    """
    if where is not None:
        with _opened_to_search(target, named, trial_id) as data:
            count = data.delete_attributes_where(where, keys)
        _say_found(count, "Untagged")
        return
    with _opened(target, named, trial_id) as owner:
        owner.delete_attributes(keys)


@click.command("note")
@_named
@_searching
@click.argument("text", required=False)
@storage_options
def note(target: Target, named: str, trial_id: int | None, where: str | None, text: str | None) -> None:
    """Write a note to an experiment or a trial, in place of the one it has, or print that.

    The note is the attribute `note`, and always text. With --where all trials that fit get it, and their number is
    printed.
    """
    if where is not None:
        if text is None:
            raise click.UsageError("--where is for writing: give the text of the note.")
        with _opened_to_search(target, named, trial_id) as data:
            count = data.set_attributes_where(where, {_NOTE: text})
        _say_found(count, "Wrote the note to")
        return
    with _opened(target, named, trial_id) as owner:
        if text is not None:
            owner.set_attributes({_NOTE: text})
            return
        found = owner.attributes
    if _NOTE in found:
        say(str(found[_NOTE]))
    else:
        print_sentence("There is no note.")


def _pairs(pairs: Sequence[str]) -> Iterator[tuple[str, Any]]:
    seen = set()
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{clean(pair)!r} is no KEY=VALUE.")
        if key in seen:
            raise click.UsageError(f"{clean(key)!r} is given twice.")
        seen.add(key)
        yield key, read_value(value)


def read_value(text: str) -> Any:
    """The value that a text means: as JSON, as a constant, text, list or dict of Python, else the text itself."""
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    if text in _PYTHON:
        return _PYTHON[text]
    if text.startswith(_QUOTES_AND_BRACKETS):
        with suppress(ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return ast.literal_eval(text)
    return text
