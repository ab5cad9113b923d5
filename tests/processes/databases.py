"""Databases for tests of several processes, on each engine that several processes may write to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from matrix import first_mode
from processes.helpers import make_experiment
from results import CLUSTERS
from servers import DatabaseServer, ServerMissing, galera, group, registry
from servers.cluster import Cluster
from trialstore.storage import SqlStorage

SERVERS = [pytest.param(name, marks=pytest.mark.engine(name)) for name in ("postgresql", "mysql")]
FILES_AND_SERVERS = [pytest.param("sqlite", marks=pytest.mark.engine("sqlite")), *SERVERS]
MULTI_WRITERS = [pytest.param(name, marks=pytest.mark.engine("mysql")) for name in (galera.NAME, group.PRIMARIES)]
"""Clusters each of whose nodes takes writes."""
EVERYWHERE = [*FILES_AND_SERVERS, pytest.param(galera.NAME, marks=pytest.mark.engine("mysql"))]


@contextmanager
def fresh(where: str, folder: Path) -> Iterator[list[dict[str, Any]]]:
    """The config of an empty database with the shared experiment; of a cluster, one for each node."""
    with _on_cluster(where) if where in CLUSTERS else _on_server(where, folder) as configs:
        with SqlStorage(configs[0]) as storage, make_experiment(storage):
            pass
        yield configs


@contextmanager
def _on_server(engine: str, folder: Path) -> Iterator[list[dict[str, Any]]]:
    mode = first_mode(engine)
    config = mode.create_ready(folder)
    yield [config]
    if mode.drop is not None:
        mode.drop(config)


@contextmanager
def _on_cluster(where: str) -> Iterator[list[dict[str, Any]]]:
    cluster = require_cluster(where)
    name = cluster.create_database()
    yield [cluster.config(number, name) for number in range(len(cluster.nodes))]
    cluster.drop_database(name)


def require_cluster(where: str) -> Cluster:
    """The process's cluster of that name, started at first use."""
    return galera.require() if where == galera.NAME else group.require(of_primaries=where == group.PRIMARIES)


@contextmanager
def on_whole_cluster(where: str) -> Iterator[tuple[Cluster, str]]:
    """A cluster and the name of an empty database; nodes that the block killed are started again."""
    cluster = require_cluster(where)
    name = cluster.create_database()
    try:
        yield cluster, name
    finally:
        cluster.complete()
        cluster.drop_database(name)


@contextmanager
def private_server(engine: str) -> Iterator[DatabaseServer]:
    """A server that the test may kill, whatever the environment names."""
    try:
        server = registry.start_private(registry.chosen(engine))
    except ServerMissing as reason:
        registry.unavailable(registry.chosen(engine), reason)
    try:
        yield server
    finally:
        server.stop()
