"""How notebooks show what is stored: small tables in HTML, all text escaped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from html import escape

from trialstore.dialects.text import clean
from trialstore.storage.base_experiment_data import ExperimentData
from trialstore.storage.base_trial_data import TrialData
from trialstore.storage.database.connections import Database

from .overview import Progress, read_overview

_MOST = 50
"""Rows of a table; of more, their number is said."""
_LONGEST = 500
"""Characters of a text; of more, their number is said."""
_LEFT, _RIGHT = (f' style="text-align: {side}"' for side in ("left", "right"))
_CAPTION = ' style="text-align: left; font-weight: bold; caption-side: top"'


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table under a caption, a row each; at most 50 of them, under which the number of the others stands."""
    right = [bool(rows) and all(_is_number(row[place]) for row in rows) for place in range(len(columns))]
    sides = [_RIGHT if numbers else _LEFT for numbers in right]
    head = "".join(f"<th{side}>{_text(name)}</th>" for side, name in zip(sides, columns, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{side}>{_text(value)}</td>' for side, value in zip(sides, row, strict=True))}</tr>"
        for row in rows[:_MOST]
    )
    more = f"<p>… and {len(rows) - _MOST} more</p>" if len(rows) > _MOST else ""
    return f"<table>{_caption(caption)}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def fields(caption: str, values: Mapping[str, object]) -> str:
    """Names and values below each other, those without a value left out."""
    rows = "".join(
        f"<tr><th{_LEFT}>{_text(name)}</th><td{_LEFT}>{_text(value)}</td></tr>"
        for name, value in values.items()
        if value is not None and value != ""
    )
    return f"<table>{_caption(caption)}<tbody>{rows}</tbody></table>"


def storage_html(database: Database, name: str) -> str:
    """The experiments of a storage with the latest activity."""
    page = read_overview(database, limit=_MOST)
    columns = ("experiment", "trials", "done", "objectives", "best", "last activity", "description")
    rows = [
        (
            one.experiment_id,
            one.progress.total,
            one.progress.completed,
            _directions(one.objectives),
            one.best,
            one.progress.last_activity,
            one.description,
        )
        for one in page.experiments
    ]
    more = f"<p>… and {page.total - len(rows)} more</p>" if page.total > len(rows) else ""
    return table(name, columns, rows) + more


def experiment_html(data: ExperimentData, progress: Progress) -> str:
    """An experiment without its trials."""
    config, repo, commit = data.root_env_config
    return fields(
        f"Experiment {data.experiment_id}",
        {
            "description": data.description,
            "root_env_config": config,
            "git_repo": repo,
            "git_commit": commit,
            "objectives": _directions(data.objectives),
            "trials": ", ".join(f"{count} {status}" for status, count in progress.trials.items()),
            "last activity": progress.last_activity,
        },
    )


def trial_html(trial: TrialData) -> str:
    """A trial with its config and its results."""
    own = fields(
        f"Trial {trial.trial_id} of {trial.experiment_id}",
        {
            "status": trial.status.name,
            "ts_start": trial.ts_start,
            "ts_end": trial.ts_end,
            "tunable_config_id": trial.tunable_config_id,
            "trial_runner_id": trial.trial_runner_id,
        },
    )
    return (
        own
        + values_html("Config", "parameter", trial.tunable_config.config_dict)
        + values_html("Results", "metric", trial.results_dict)
    )


def values_html(caption: str, name: str, values: Mapping[str, object]) -> str:
    """Named values, as Python writes them."""
    return table(caption, (name, "value"), [(each, repr(value)) for each, value in values.items()])


def _directions(objectives: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({direction})" for name, direction in objectives.items())


def _caption(text: str) -> str:
    return f"<caption{_CAPTION}>{_text(text)}</caption>"


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(dt.timezone.utc).replace(tzinfo=None)} UTC"
    text = clean(str(value))
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)")
