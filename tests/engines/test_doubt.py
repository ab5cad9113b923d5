"""A commit whose connection was cut before it arrived: the server goes on with the transaction, and its locks, until it
notices. What is made again meanwhile waits for that, and then tells what is stored."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from engines.databases import Database, on_servers
from trialstore.contract.helpers import make_experiment, query
from trialstore.dialects.errors import CommitUnknown
from trialstore.sql.session import Session
from trialstore.storage import SqlStorage, Storage

NOTICED_S = 0.5
"""Until the server notices, in seconds."""
HOUR = dt.timedelta(hours=1)
LATER = dt.datetime(2200, 1, 1, tzinfo=dt.timezone.utc)


@contextmanager
def first_commit_cut(monkeypatch: pytest.MonkeyPatch, *, arrives: bool) -> Iterator[None]:
    """The next commit has no answer: its transaction stays open for a while, and is then committed or rolled back."""
    commit, timers = Session.commit, []

    def cut(session: Session) -> None:
        monkeypatch.setattr(Session, "commit", commit)
        driver = session.driver_connection
        driver.close = lambda: None  # the server has not heard of that, either

        def notice() -> None:
            driver.commit() if arrives else driver.rollback()
            del driver.close
            driver.close()

        timers.append(threading.Timer(NOTICED_S, notice))
        timers[0].start()
        session.drop()
        raise CommitUnknown("cut", "")

    monkeypatch.setattr(Session, "commit", cut)
    yield
    timers[0].join()


def release_expired(experiment: Storage.Experiment) -> list[int]:
    return experiment.release_expired(LATER)


def cancel_trials(experiment: Storage.Experiment) -> list[int]:
    return experiment.cancel_trials([2, 1, 3])


def claim_trials(experiment: Storage.Experiment) -> list[int]:
    return [trial.trial_id for trial in experiment.claim_trials(2, limit=9)]


CALLS: dict[Callable[[Any], list[int]], tuple[list[int], str]] = {
    release_expired: ([1, 2], "PENDING"),
    cancel_trials: ([3], "CANCELED"),
    claim_trials: ([3], "READY"),
}
"""Call → the trials that it is about, and what it makes of them; 1 and 2 are held, 3 is free."""


@on_servers
@pytest.mark.parametrize("arrives", [True, False], ids=["the commit arrives", "it is lost"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_what_is_made_again_waits_for_its_first_run(
    database: Database, call: Callable[[Any], list[int]], arrives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, status = CALLS[call]
    with SqlStorage(database.config()) as storage, make_experiment(storage) as experiment:
        experiment.new_trials([{}, {}, {}])
        experiment.claim_trials(1, limit=2, lease=HOUR)
        events = dict(query(storage, "SELECT trial_id, count(*) FROM trial_status GROUP BY trial_id"))
        with first_commit_cut(monkeypatch, arrives=arrives):
            told = call(experiment)
            stored = query(storage, f"SELECT trial_id FROM trial WHERE status = '{status}' ORDER BY trial_id")
            named = [trial_id for (trial_id,) in stored if trial_id in ids]
            assert told == named == ids, "what is told is not what is stored"
        after = dict(query(storage, "SELECT trial_id, count(*) FROM trial_status GROUP BY trial_id"))
        assert {each: after[each] - events.get(each, 0) for each in ids} == dict.fromkeys(ids, 1)
