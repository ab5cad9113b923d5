"""A MySQL group, whose nodes know of each other's writes and locks later, or never: callers do not notice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from processes import databases
from processes.fleet import GLANCE_S, look
from processes.helpers import LIMIT, make_experiment
from processes.workers import at
from servers import group
from servers.group import Group
from trialstore.storage import NewTrial, SqlStorage, Status

pytestmark = pytest.mark.engine("mysql")
IN_GROUP = pytest.mark.parametrize("primaries", [group.PRIMARIES], indirect=True)
# Whose transaction waits until the node has what the others have written.
WAITING = "SELECT count(*) FROM performance_schema.processlist WHERE db = %s AND state LIKE '%%hook on transaction%%'"


@pytest.fixture
def primaries(request: pytest.FixtureRequest) -> Iterator[tuple[Any, str]]:
    """A group of primaries, and the name of an empty database."""
    with databases.on_whole_cluster(request.param) as found:
        yield found


def eventually(check: Callable[[], bool]) -> None:
    """Wait until a check comes true."""
    late = time.monotonic() + LIMIT
    while not check():
        assert time.monotonic() < late
        time.sleep(GLANCE_S)


@IN_GROUP
def test_a_write_whose_node_loses_the_group_is_done_once(primaries: tuple[Group, str]) -> None:
    """The node gives up and says that the commit failed, but the others have heard of it and do it."""
    cluster, name = primaries
    with SqlStorage(cluster.hosts_config(name)) as storage, make_experiment(storage) as experiment:
        assert experiment.new_trial({}).trial_id == 1
        cluster.catch_up()
        with ThreadPoolExecutor(1) as pool:
            with cluster.stopped_for_a_while(1, 2):
                made = pool.submit(experiment.new_trial, {}, at(0))
                eventually(lambda: made.done() or not cluster.nodes[0].online)
            assert made.result(LIMIT).trial_id == 2
        assert look(storage, "SELECT trial_id FROM trial ORDER BY trial_id") == [(1,), (2,)]
    with SqlStorage(cluster.config(1, name)) as other:
        assert sorted(other.experiments["Shared"].trials) == [1, 2]


@IN_GROUP
def test_a_node_shows_what_another_one_has_acknowledged(primaries: tuple[Group, str]) -> None:
    cluster, name = primaries
    first, second = (SqlStorage(cluster.hosts_config(name, number)) for number in (0, 1))
    with first, second, make_experiment(first) as experiment:
        experiment.new_trial({})
        assert list(second.experiments["Shared"].trials) == [1]
        data = second.experiments["Shared"]
        with ThreadPoolExecutor(1) as pool, cluster.nodes[1].session(name) as execute:
            execute("LOCK TABLES trial READ")  # what others write to it is not applied meanwhile
            experiment.new_trial({})
            trials = pool.submit(lambda: list(data.trials))
            eventually(lambda: trials.done() or cluster.nodes[1].admin(WAITING, name) != [(0,)])
            execute("UNLOCK TABLES")
            assert trials.result(LIMIT) == [1, 2]


@IN_GROUP
def test_two_nodes_that_write_the_same_meet_at_the_commit(primaries: tuple[Group, str]) -> None:
    cluster, name = primaries
    storages = [SqlStorage(cluster.hosts_config(name, number)) for number in range(3)]
    with storages[0], storages[1], storages[2]:
        with make_experiment(storages[0]) as experiment:
            experiment.new_trials([NewTrial({}, at(0)) for _ in range(12)])

        def claim_and_create(number: int) -> list[int]:
            taken: list[int] = []
            with make_experiment(storages[number]) as mine:
                mine.new_trial({"size": number}, at(0))
                while claimed := mine.claim_trials(number, limit=2):
                    for trial in claimed:
                        trial.update(Status.SUCCEEDED, at(1), {"score": number})
                        taken.append(trial.trial_id)
            return taken

        with ThreadPoolExecutor(3) as pool:
            taken = [pool.submit(claim_and_create, number) for number in range(3)]
            assert sorted(trial_id for each in taken for trial_id in each.result(LIMIT)) == list(range(1, 16))
        assert look(storages[1], "SELECT count(*) FROM trial WHERE status = 'SUCCEEDED'") == [(15,)]
