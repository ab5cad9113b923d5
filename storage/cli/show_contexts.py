"""`trialstore show --contexts`: what the trials of an experiment ran on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trialstore.storage.reading.contexts import Context

from .output import distinct, moment, print_fields, print_json, print_sentence, print_table

if TYPE_CHECKING:
    from rich.console import Console

_ABSENT = "(absent)"


def _json(experiment_id: str, contexts: Sequence[Context]) -> dict[str, Any]:
    """The contexts as JSON; that of trials of which it is not stored has no id, and no values."""
    return {
        "experiment": experiment_id,
        "contexts": [
            {
                "context_id": one.context_id,
                "trials": one.trials,
                "first_start": one.first_start,
                "last_start": one.last_start,
                "values": one.values,
            }
            for one in contexts
        ],
    }


def show_contexts(out: Console, experiment_id: str, contexts: Sequence[Context], *, as_json: bool) -> None:
    """Print what all contexts have in common, and a table of the trials with what is different; or all as JSON."""
    if as_json:
        print_json(_json(experiment_id, contexts))
        return
    if not contexts:
        print_sentence("No trial has begun yet.")
        return
    stored = [_texts(one) for one in contexts if one.context_id is not None]
    names = sorted({name for values in stored for name in values})
    common = [name for name in names if len({values.get(name) for values in stored}) == 1]
    if stored:
        print_fields(out, {name: stored[0][name] for name in common}, "In all contexts")
    differing = [name for name in names if name not in common]
    rows = [
        (
            one.context_id if one.context_id is not None else "(not stored)",
            one.trials,
            moment(one.first_start),
            moment(one.last_start),
            *(_texts(one).get(name, _ABSENT) if one.context_id is not None else None for name in differing),
        )
        for one in contexts
    ]
    columns = ("context", "trials", "first start (UTC)", "last start (UTC)", *differing)
    print_table(out, "Trials by what they ran on", columns, rows)


def _texts(context: Context) -> dict[str, str]:
    return {name: distinct(value) for name, value in context.values.items()}
