"""mlos_viz plots what our class reads."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

pytest.importorskip("mlos_viz", reason="mlos-viz is not installed: run `tox -e mlos_bench`")
pytest.importorskip("mlos_bench.storage")

import matplotlib.pyplot as plt
import mlos_viz
from mlos_bench.environments.status import Status
from mlos_bench.tunables.tunable_groups import TunableGroups

from trialstore.storage.mlos_bench import SqlStorage

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.engine("sqlite")]

NOW = dt.datetime(2025, 3, 1, 8, 0, 0, tzinfo=dt.timezone.utc)
GROUPS = {
    "kernel": {"cost": 1, "params": {"latency": {"type": "int", "range": [0, 1000], "default": 20}}},
    "vm": {"cost": 9, "params": {"size": {"type": "categorical", "values": ["small", "large"], "default": "small"}}},
}


def test_an_experiment_is_plotted(sqlite: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", lambda *_args, **_more: None)
    tunables = TunableGroups(GROUPS)
    with SqlStorage(sqlite) as storage:
        with storage.experiment(
            experiment_id="Plot",
            trial_id=1,
            root_env_config="environment.jsonc",
            description="to be plotted",
            tunables=tunables,
            opt_targets={"score": "min"},
        ) as experiment:
            for number in range(24):
                chosen = tunables.copy().assign({"latency": 40 * (number // 2), "size": ("small", "large")[number % 2]})
                trial = experiment.new_trial(chosen, config={"repeat_i": 1})
                end = NOW + dt.timedelta(seconds=number)
                trial.update(Status.SUCCEEDED, end, {"score": 5.5 + number % 7, "mode": "fast"})
        mlos_viz.plot(storage.experiments["Plot"])
    drawn = [axes for number in plt.get_fignums() for axes in plt.figure(number).axes]
    labels = " ".join(axes.get_title() + axes.get_ylabel() for axes in drawn)
    plt.close("all")
    assert "score" in labels
