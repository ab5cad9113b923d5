"""What lists of experiments are made of, on every engine."""

from __future__ import annotations

import datetime as dt

import pytest

from trialstore.contract.helpers import at, finish, make_experiment, recorded
from trialstore.storage import SqlStorage, Status
from trialstore.storage.reading.overview import Progress, read_overview, read_progress

pytestmark = pytest.mark.once_per_engine("statements that only read")

ODD = "ünï 100%_of*[a]!\\'"


@pytest.fixture
def filled(storage: SqlStorage) -> SqlStorage:
    """`Early` and `Late` with three trials of which one is planned, and one with an odd name without trials."""
    for number, name in enumerate(("Early", "Late")):
        with make_experiment(storage, name, opt_targets={"seconds": "min", "score": "max"}) as experiment:
            finish(experiment.new_trial({}, ts_start=at(0)), score=number + 9.998, seconds=10 + 100 * number)
            finish(experiment.new_trial({}, ts_start=at(0)), score=13, seconds=10 + 100 * number, note="text")
            finish(experiment.new_trial({}, ts_start=at(0)), score=float("inf"), seconds=10)
            finish(experiment.new_trial({}, ts_start=at(0)), score="99", seconds=10)
            experiment.new_trial({}, ts_start=at(0)).update(Status.FAILED, at(5), {"score": 1000})
            experiment.new_trial({}, ts_start=at(5000))
    with make_experiment(storage, ODD, opt_targets={}):
        pass
    return storage


def test_the_latest_activity_comes_first_with_counts_and_the_best_number(filled: SqlStorage) -> None:
    page = read_overview(filled.database)
    assert page.total == 3
    late, early, odd = page.experiments
    assert (late.experiment_id, early.experiment_id, odd.experiment_id) == ("Late", "Early", ODD)
    assert late.progress == Progress({"PENDING": 1, "SUCCEEDED": 4, "FAILED": 1}, at(110))
    assert (late.progress.total, late.progress.open, late.progress.completed) == (6, 1, 5)
    assert list(late.objectives.items()) == [("score", "max"), ("seconds", "min")]
    assert late.best == 13
    assert odd.progress == Progress({}, None)
    assert odd.objectives == {}
    assert odd.best is None


@pytest.mark.parametrize(
    ("like", "expected"),
    [
        ("*", 3),
        ("ünï*", 1),
        ("ünï 100%_of[*][a]!\\'", 0),
        ("ünï 100?_?f?[a]!\\'", 1),
        ("*100%*", 1),
        ("%", 0),
        ("L%", 0),
        ("l*", 0),
        ("Lat_", 0),
        ("Lat?", 1),
        ("*!\\'", 1),
        ("", 0),
    ],
)
def test_only_star_and_question_mark_stand_for_other_characters(filled: SqlStorage, like: str, expected: int) -> None:
    assert read_overview(filled.database, like).total == expected


def test_since_and_limit_choose_and_total_counts_what_the_limit_leaves_out(filled: SqlStorage) -> None:
    assert [one.experiment_id for one in read_overview(filled.database, since=at(110)).experiments] == ["Late"]
    assert read_overview(filled.database, since=at(110) + dt.timedelta(microseconds=1)).experiments == []
    page = read_overview(filled.database, limit=1)
    assert ([one.experiment_id for one in page.experiments], page.total) == (["Late"], 3)


def test_the_number_of_statements_is_the_same_for_any_number_of_experiments(filled: SqlStorage) -> None:
    with recorded(filled) as record:
        read_overview(filled.database)
    assert len(record.names) == 4
    with recorded(filled) as record:
        assert read_progress(filled.database, "Early").total == 6
    assert len(record.names) == 1
    assert read_progress(filled.database, "none such") == Progress({}, None)
