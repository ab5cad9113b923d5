"""Names and values of NumPy's classes, of enums and of other subclasses: they count as the plain text or number."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest

from trialstore.contract.helpers import GROUPS, MAPPING, at, dump, finish, groups, make_experiment, refused, same
from trialstore.contract.odd_values import HostileInt, HostileText, Level, Word
from trialstore.storage import SqlStorage, Status, Storage, TunableGroups, ValueRejected
from trialstore.storage.tunables.values import config_hash, own_copy

pytestmark = pytest.mark.once_per_engine("names become plain text before they are bound")


class Real(float):
    """A float of somebody's own."""

    def __repr__(self) -> str:
        return "a real"


class Apart(str):
    """Text that is equal to itself alone."""

    __slots__ = ()
    __hash__ = object.__hash__
    __eq__ = object.__eq__


class Metric(str, enum.Enum):
    """Names of metrics."""

    SCORE = "score"


TEXTS = [np.str_("cache"), Word.CACHE, HostileText("cache")]
FIXED = [
    (MAPPING, "26d870d3a157393e35930c19b3b89d2fe76556c1c49688fdf509b4827006f612"),
    ({}, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (
        {"a": 1, "b": 1.0, "c": "1", "d": True, "é": "\ud800", "n": float("nan"), "z": -0.0},
        "a8bd4e830135d9f9ce02b2b145dfed1ecc59b6927a68a3b0a8679d7b570654d2",
    ),
    (groups(), "ef0b2a37ec21c923f8cca98437bdfcae5f26ca2331cb41df367f73b638f9abc4"),
]


@pytest.mark.parametrize(("tunables", "digest"), FIXED, ids=["values", "none", "of every type", "groups"])
def test_hashes_of_configs_never_change(tunables: Any, digest: str) -> None:
    assert config_hash(own_copy(tunables, 255)) == digest


@pytest.mark.parametrize("name", TEXTS[:2], ids=["np.str_", "enum"])
@pytest.mark.parametrize(
    ("value", "plain"),
    [
        *((text, "cache") for text in TEXTS),
        (Level.HIGH, 3),
        (np.int64(3), 3),
        (HostileInt(3), 3),
        (Real(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_tunables_share_the_config_of_the_plain_ones(storage: SqlStorage, name: Any, value: Any, plain: Any) -> None:
    with make_experiment(storage, "plain", tunables={"cache": plain}) as experiment:
        first = experiment.new_trial({})
    with make_experiment(storage, "other", tunables={name: value}) as experiment:
        trials = [
            experiment.new_trial({}),
            experiment.new_trial({name: value}),
            experiment.new_trial({"cache": plain}),
        ]
    assert {trial.tunable_config_id for trial in trials} == {first.tunable_config_id}
    for trial in trials:
        assert same(trial.tunables, {"cache": plain})
    assert same(experiment.load_tunable_config(first.tunable_config_id), {"cache": plain})


def test_names_of_groups_and_of_their_parameters_count_as_plain_text(storage: SqlStorage) -> None:
    given: dict[Any, Any] = {
        np.str_(group): {**content, "params": {np.str_(name): one for name, one in content["params"].items()}}
        for group, content in GROUPS.items()
    }
    other = TunableGroups(given)
    assert str(other) == str(groups())
    assert {type(tunable.name) for tunable, _group in other} == {str}
    with make_experiment(storage, "Groups", tunables=groups()) as experiment:
        both: tuple[Any, ...] = ({}, other)
        ids = {experiment.new_trial(tunables).tunable_config_id for tunables in both}
    assert len(ids) == 1
    assert other[np.str_("latency")] == 20


def test_metrics_metadata_and_objectives_are_named_by_plain_text(
    storage: SqlStorage, caplog: pytest.LogCaptureFixture
) -> None:
    with make_experiment(
        storage, opt_targets={Metric.SCORE: "min"}, opt_weights={np.str_("score"): np.float32(0.5)}
    ) as exp:
        trial = exp.new_trial({}, config={Word.CACHE: 1, "nested": {np.str_("a"): Level.HIGH}})
        trial.update_telemetry(trial.status, at(1), [(at(1), Metric.SCORE, Level.HIGH)])
        trial.add_new_config_data({np.str_("more"): np.int8(1)})
        finish(trial, score=1.5)
    assert caplog.records == []  # the objective is there
    data = storage.experiments["Exp"]
    assert (data.objectives, exp.opt_targets) == ({"score": "min"}, {"score": "min"})
    assert same(data.trials[1].metadata_dict, {"cache": 1, "more": 1, "nested": {"a": 3}})
    assert [row[1:] for row in exp.load_telemetry(1)] == [("score", 3)]


def test_one_text_under_two_names_is_refused(storage: SqlStorage, experiment: Storage.Experiment) -> None:
    trial, twice = experiment.new_trial({}), {"score": 1, Apart("score"): 2}
    before = dump(storage)
    refused(lambda: trial.update(Status.SUCCEEDED, at(1), twice), ValueRejected, "'score'")
    refused(lambda: trial.add_new_config_data(twice), ValueRejected, "'score'")
    refused(lambda: experiment.new_trial({}, config={"a": twice}), ValueRejected, "'a'")
    refused(lambda: make_experiment(storage, tunables=twice), ValueRejected, "'score'")
    refused(lambda: make_experiment(storage, opt_targets=dict.fromkeys(twice, "min")), ValueRejected, "'score'")
    assert dump(storage) == before
