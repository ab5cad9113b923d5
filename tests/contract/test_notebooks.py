"""What notebooks show of the data classes."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from trialstore.contract.helpers import at, finish, make_experiment
from trialstore.storage import SqlStorage

pytestmark = pytest.mark.once_per_engine("text made of what was read")

SCRIPT = "<script>alert('x')</script>"


def html_of(thing: Any) -> str:
    """What Jupyter asks for."""
    return str(thing._repr_html_())


def text(html: str) -> list[str]:
    """What a browser would show, cell by cell; each tag that is opened is closed."""
    assert sorted(re.findall(r"<(\w+)", html)) == sorted(re.findall(r"</(\w+)", html))
    return [unescape(part) for part in re.split(r"<[^>]*>", html) if part]


def test_stored_text_is_shown_as_text(storage: SqlStorage) -> None:
    with make_experiment(storage, SCRIPT, description="a\x1b[31m & b", opt_targets={"score": "max"}) as experiment:
        finish(experiment.new_trial({"cache": 2}, ts_start=at(0)), score=0.5, note=SCRIPT)
        experiment.new_trial({"cache": 3}, ts_start=at(0))
    data = storage.experiments[SCRIPT]
    shown = {
        "storage": html_of(storage),
        "experiment": html_of(data),
        "trial": html_of(data.trials[1]),
        "config": html_of(data.trials[1].tunable_config),
    }
    assert not any("<script" in html or "\x1b" in html for html in shown.values())
    cells = {name: text(html) for name, html in shown.items()}
    assert cells["storage"][0] == repr(storage)
    assert cells["storage"][8:] == [
        SCRIPT,
        "2",
        "1",
        "score (max)",
        "0.5",
        "2025-03-01 08:00:10.123456 UTC",
        "a\\x1b[31m & b",
    ]
    assert cells["experiment"][0] == f"Experiment {SCRIPT}"
    assert {"1 PENDING, 1 SUCCEEDED", "score (max)"} <= set(cells["experiment"])
    assert {"SUCCEEDED", "cache", "2", "score", "0.5", "note", repr(SCRIPT)} <= set(cells["trial"])
    assert {"cache", "2"} <= set(cells["config"])


def test_of_many_rows_their_number_is_said(storage: SqlStorage) -> None:
    with make_experiment(storage, tunables={f"p{number:02}": number for number in range(60)}) as experiment:
        trial = experiment.new_trial({})
    html = html_of(storage.experiments["Exp"].trials[trial.trial_id].tunable_config)
    assert "p49" in html
    assert "p50" not in html
    assert "… and 10 more" in html


def test_of_a_long_text_the_beginning_is_shown_and_its_length(storage: SqlStorage) -> None:
    with make_experiment(storage) as experiment:
        finish(experiment.new_trial({}), log="x" * 60_000)
    html = html_of(storage.experiments["Exp"].trials[1])
    assert "x" * 499 in html
    assert "x" * 501 not in html
    assert "… (60,002 characters)" in html
