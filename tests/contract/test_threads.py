"""Several threads on one storage."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from trialstore.contract.helpers import at, finish, make_experiment
from trialstore.sql.session import Session
from trialstore.storage import SqlStorage, Status

HEAD = {"description": "", "root_env_config": "", "git_repo": "", "git_commit": ""}


@pytest.mark.parametrize("undone", [False, True])
def test_threads_do_not_see_each_others_half_transactions(storage: SqlStorage, undone: bool) -> None:
    half, go_on = threading.Event(), threading.Event()
    seen: list[list[str]] = []

    def write_two(tx: Session) -> None:
        tx.count("experiment_insert", exp_id="one", **HEAD)
        half.set()
        go_on.wait(30)
        tx.count("experiment_insert", exp_id="two", **HEAD)
        if undone:
            raise KeyError("changed my mind")

    def write() -> None:
        try:
            storage.database.write(write_two)
        except KeyError:
            seen.append(["undone"])

    writer = threading.Thread(target=write)
    reader = threading.Thread(target=lambda: seen.append(list(storage.experiments)))
    writer.start()
    assert half.wait(30)
    reader.start()
    reader.join(0.2)  # a database that is one connection makes the reader wait; others show it the state before
    go_on.set()
    writer.join(30)
    reader.join(30)
    assert [] in seen or ["one", "two"] in seen
    assert list(storage.experiments) == ([] if undone else ["one", "two"])
    assert (["undone"] in seen) is undone


def test_threads_share_one_experiment(storage: SqlStorage) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with make_experiment(storage) as experiment:
                for _ in range(10):
                    trial = experiment.new_trial({"cache": number}, ts_start=at(0))
                    trial.update(Status.RUNNING, at(1))
                    trial.update_telemetry(Status.RUNNING, at(2), [(at(2), "cpu", number)])
                    finish(trial, trial.trial_id)
        except BaseException as exc:
            errors.append(exc)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    ids, configs, scores, statuses = make_experiment(storage).load()
    assert ids == list(range(1, 41))
    assert [score["score"] for score in scores if score] == ids
    assert set(statuses) == {Status.SUCCEEDED}
    by_cache: dict[Any, int] = {}
    for config in configs:
        by_cache[config["cache"]] = by_cache.get(config["cache"], 0) + 1
    assert by_cache == dict.fromkeys(range(4), 10)
