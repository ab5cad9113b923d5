"""A telemetry writer beside servers that end its connections and restart, and around forks."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

import servers
from processes import databases
from processes.helpers import LIMIT, Child, file_config, make_experiment
from trialstore.storage import SqlStorage, Storage, StorageError, TelemetryWriter

FORK = multiprocessing.get_context("fork")
LIST = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name = 'trialstore'",
    "mysql": "SELECT id FROM information_schema.processlist WHERE db = %s",
}
END = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


def values(experiment: Storage.Experiment) -> list[object]:
    return [value for _, _, value in experiment.load_telemetry(1)]


@pytest.mark.parametrize("where", databases.SERVERS)
def test_connections_that_the_server_ends_lose_no_point_and_double_none(where: str, tmp_path: Path) -> None:
    server = servers.require(where)
    with ExitStack() as stack:
        (config,) = stack.enter_context(databases.fresh(where, tmp_path))
        experiment = stack.enter_context(make_experiment(stack.enter_context(SqlStorage(config))))
        trial = experiment.new_trial({})
        with trial.telemetry_writer(flush_every=0.005, at_most=100) as telemetry:
            for number in range(4000):
                telemetry.add("number", number)
                if number % 200 == 0:
                    for (connection,) in server.admin(LIST[server.engine], config["database"]):
                        with suppress(Exception):  # it may have ended meanwhile
                            server.admin(END[server.engine].format(connection))
        assert values(experiment) == list(range(4000))


@pytest.mark.parametrize("where", databases.SERVERS)
def test_a_server_that_restarts_is_waited_for(where: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with databases.private_server(where) as server, ExitStack() as stack:
        storage = stack.enter_context(SqlStorage(server.config(server.create_database(), retry_timeout=0.2)))
        experiment = stack.enter_context(make_experiment(storage))
        trial = experiment.new_trial({})
        with caplog.at_level(logging.WARNING), trial.telemetry_writer(flush_every=0.01) as telemetry:
            telemetry.add("number", 0)
            telemetry.flush()
            server.kill()
            telemetry.add("number", 1)
            with pytest.raises(StorageError):
                telemetry.flush()
            telemetry.add("number", 2)
            server.restart()
            late = time.monotonic() + LIMIT
            while telemetry.stored < 3 and time.monotonic() < late:
                time.sleep(0.05)
        assert values(experiment) == [0, 1, 2]
        assert "telemetry has to wait" in caplog.text
        assert "telemetry is stored again" in caplog.text


def _work_in_child(_pipe: Connection, telemetry: TelemetryWriter, add: bool) -> int:
    if add:
        telemetry.add("number", 100)
        telemetry.flush()
    return telemetry.stored


@pytest.mark.engine("sqlite")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("add", [True, False])
def test_a_forked_child_stores_its_own_points_and_not_its_parents(tmp_path: Path, add: bool) -> None:
    with SqlStorage(file_config(tmp_path / "trials.sqlite")) as storage, make_experiment(storage) as experiment:
        trial = experiment.new_trial({})
        with trial.telemetry_writer(flush_every=3600) as telemetry:
            telemetry.add("number", 1)
            with Child(_work_in_child, telemetry, add, context=FORK) as child:
                assert child.result() == int(add)
            assert values(experiment) == [100] * add
            telemetry.add("number", 2)
        assert sorted(values(experiment)) == [1, 2] + [100] * add


@pytest.mark.engine("sqlite")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_child_that_leaves_the_block_ends_nothing_of_its_parents(tmp_path: Path) -> None:
    with SqlStorage(file_config(tmp_path / "trials.sqlite")) as storage, make_experiment(storage) as experiment:
        trial = experiment.new_trial({})
        with trial.telemetry_writer(flush_every=3600) as telemetry:
            telemetry.add("number", 1)
            child = os.fork()
            if child == 0:
                try:
                    telemetry.__exit__(None, None, None)
                finally:
                    os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            telemetry.add("number", 2)
        assert values(experiment) == [1, 2]
