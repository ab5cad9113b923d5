"""The commands `trialstore tag`, `untag` and `note`: attributes of experiments and trials."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from trialstore.dialects.text import clean

from .found import find_named
from .output import console, distinct, print_fields, print_json, print_sentence, say
from .target import Target, storage_options

if TYPE_CHECKING:
    from trialstore.storage.base_attributes import Attributed

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


@contextmanager
def _opened(target: Target, named: str, trial_id: int | None) -> Iterator[Attributed]:
    with target.open(schema_policy="verify", lazy_schema_create=False) as storage:
        yield find_named(storage.experiments, named, trial_id)


@click.command("tag")
@_named
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="Print the attributes as JSON.")
@storage_options
def tag(target: Target, named: str, trial_id: int | None, pairs: tuple[str, ...], *, as_json: bool) -> None:
    """Give an experiment or a trial attributes, and print all that it has.

    Without KEY=VALUE it only prints them. A VALUE is read as JSON where it is JSON: n=3 is a number, ok=true, x=null,
    tags='["a", "b"]', s='"3"' is text. True, False, None, and quoted text, lists and dicts may also be written as in
    Python. Anything else is text as it is: host=db1, day=2026-03-04.

    EXPERIMENT:3 is trial 3, unless there is an experiment of that whole name; then --trial 3 names the trial.
    """
    values = dict(_pairs(pairs))
    with _opened(target, named, trial_id) as owner:
        owner.set_attributes(values)
        found = owner.attributes
    if as_json:
        print_json(found)
    else:
        print_fields(console(), {name: distinct(value) for name, value in found.items()}, "Attributes")


@click.command("untag")
@_named
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@storage_options
def untag(target: Target, named: str, trial_id: int | None, keys: tuple[str, ...]) -> None:
    """Delete attributes of an experiment or a trial; those that are not there are no error."""
    with _opened(target, named, trial_id) as owner:
        owner.delete_attributes(keys)


@click.command("note")
@_named
@click.argument("text", required=False)
@storage_options
def note(target: Target, named: str, trial_id: int | None, text: str | None) -> None:
    """Write a note to an experiment or a trial, in place of the one it has, or print that.

    The note is the attribute `note`, and always text.
    """
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
