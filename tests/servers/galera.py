"""A MariaDB Galera cluster: several servers with the same data, each of which takes writes.

As anywhere, a row that one node has acknowledged may be missing for a moment where the next statement goes to another
node, and two nodes that change the same row find out at the commit: one of them gets a deadlock error there.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import URL

from servers.base import ADMIN, connected
from servers.binaries import install as install_package
from servers.binaries import need_module, need_program
from servers.cluster import Cluster
from servers.errors import ServerMissing
from servers.machine import free_port
from servers.mariadb import SETTINGS, STORAGE, MariadbServer, prepare, programs
from servers.process import Command, ServerProcess
from servers.registry import kept

NAME = "galera"
LIBRARY = "libgalera_smm.so"
FOLDERS = ("usr/lib/galera*", "usr/lib64/galera*", "usr/lib/*/galera*", "usr/local/lib/galera*")
# A file, because it is written anew at each start, and because the scripts of a state transfer read it too.
# The timeouts say how long nodes wait for one that was killed: short, but not so short that a busy machine looks dead.
CLUSTER = """\
[mysqld]
wsrep_on = ON
wsrep_provider = {provider}
wsrep_provider_options = "{options}"
wsrep_cluster_name = trialstore
wsrep_cluster_address = gcomm://{peers}
wsrep_node_name = node{number}
wsrep_node_address = 127.0.0.1:{gcomm}
wsrep_sst_method = rsync
wsrep_sst_receive_address = 127.0.0.1:{sst}
wsrep_start_position = {position}
binlog_format = ROW
innodb_autoinc_lock_mode = 2
"""
OPTIONS = (
    "gcache.size=16M; gcache.page_size=16M; gmcast.listen_addr=tcp://127.0.0.1:{gcomm}; ist.recv_addr=127.0.0.1:{ist}; "
    "evs.keepalive_period=PT0.5S; evs.suspect_timeout=PT5S; evs.inactive_timeout=PT15S"
)
NOWHERE = "00000000-0000-0000-0000-000000000000:-1"
RECOVERED = re.compile(r"WSREP: Recovered position: (\S+:-?\d+)")


class GaleraNode(MariadbServer):
    """A node of a cluster; in all else a MariaDB server like any other, which `kill` and `restart` work on too."""

    cluster: GaleraCluster
    number: int
    ports: dict[str, int]
    command: list[str | Path]

    @classmethod
    def join(cls, cluster: GaleraCluster) -> GaleraNode:
        """Start the next node of a cluster; the first one makes the cluster, the others copy its data."""
        process = ServerProcess("galera", ("mysql",), farewell=cls.crash)
        number, peers = len(cluster.nodes), cluster.peers()
        ports: dict[str, int] = {}
        parts: list[str | Path] = []
        with process.closed_on_error():
            options = prepare(process, cluster.url, cluster.install)

            def command(port: int) -> Command:
                ports.update(gcomm=free_port(), ist=free_port(), sst=free_port())
                settings = process.write("cluster.cnf", cluster.settings(number, ports, peers))
                parts[:] = [cluster.program, f"--defaults-file={settings}", *options, f"--port={port}"]
                parts.extend((*STORAGE, *SETTINGS))
                return parts

            node: GaleraNode = cls._launch(process, cluster.url, command)  # type: ignore[assignment]
        node.cluster, node.number, node.ports, node.command = cluster, number, ports, parts
        return node

    @classmethod
    def _launch(cls, process: ServerProcess, url: URL, command: Callable[[int], Command]) -> GaleraNode:
        process.start_on_free_port(command, lambda: synced(url.set(query=cls._socket_query(process)), process))
        return cls(url.set(host="127.0.0.1", port=process.port), process)

    def restart(self, *, immediate: bool = True) -> None:
        """End the node (`immediate`: as a crash does) if it runs, and have it join the others again until it has all
        that they wrote meanwhile. It needs another one that runs."""
        self.process.end(self.crash if immediate else self.finish)
        # As the system's service does: what a killed node has is found in its tables, so that it needs only the rest.
        self._write_settings(NOWHERE)
        self.process.run(*self.command, "--wsrep-recover")
        log = (self.process.folder / "log").read_text(encoding="utf-8", errors="replace")
        self._write_settings(RECOVERED.findall(log)[-1])
        self.process.restart()

    def status(self) -> dict[str, str]:
        """What the node says of the cluster: `wsrep_cluster_size`, `wsrep_cluster_status`, `wsrep_ready`, …"""
        return dict(self.admin("SHOW STATUS LIKE 'wsrep%'"))

    def _write_settings(self, position: str) -> None:
        peers = self.cluster.peers()
        self.process.write("cluster.cnf", self.cluster.settings(self.number, self.ports, peers, position))


class GaleraCluster(Cluster):
    """A private cluster of MariaDB servers."""

    nodes: list[GaleraNode]

    def __init__(self, size: int = 3) -> None:
        super().__init__()
        need_module(MariadbServer.module, MariadbServer.extra)
        self.install, self.program = programs()
        self.provider = _provider()
        for program, package in (("wsrep_sst_rsync", "mariadb-server"), ("rsync", "rsync")):
            need_program(program, package)
        self.url = URL.create("mariadb+pymysql", ADMIN, secrets.token_hex(8))
        self.nodes = []
        try:
            for _ in range(size):
                self.nodes.append(GaleraNode.join(self))
            self.wait_for_size(size)
        except BaseException:
            self.stop()
            raise

    def peers(self) -> str:
        """Where the nodes find each other; empty makes a node the first of a new cluster."""
        return ",".join(f"127.0.0.1:{node.ports['gcomm']}" for node in self.nodes)

    def settings(self, number: int, ports: dict[str, int], peers: str, position: str = NOWHERE) -> str:
        """The settings of a node at its next start."""
        options = OPTIONS.format(**ports)
        return CLUSTER.format(
            provider=self.provider, options=options, peers=peers, number=number, position=position, **ports
        )

    def catch_up(self) -> None:
        """Wait until each running node has applied all that was committed on any of them before."""
        for node in self.running:
            with node.session() as execute:
                execute("SET SESSION wsrep_sync_wait = 15")
                execute("SELECT count(*) FROM mysql.user")

    def _is_of_size(self, size: int) -> bool:
        return all(_complete(node.status(), size) for node in self.running)


def require() -> GaleraCluster:
    """The process's cluster, started at first use; a test without is skipped or fails as for a server."""
    return kept(NAME, GaleraCluster)


def synced(url: URL, process: ServerProcess) -> bool:
    """Whether a node answers, and has all that the cluster has."""
    import pymysql  # type: ignore[import-untyped,unused-ignore]

    if not process.listens(Path(str(url.query["unix_socket"]))):
        return False
    try:
        with connected("pymysql", url) as execute:
            status = dict(execute("SHOW STATUS LIKE 'wsrep%'"))
    except pymysql.OperationalError:  # while it is joining, it takes connections and drops them
        return False
    return status.get("wsrep_local_state_comment") == "Synced" and status.get("wsrep_ready") == "ON"


def _complete(status: dict[str, str], size: int) -> bool:
    return (status["wsrep_cluster_size"], status["wsrep_ready"]) == (str(size), "ON")


def _provider() -> Path:
    """The library that makes a server a node."""
    for attempt in ("look", "install"):
        for folder in FOLDERS:
            for path in sorted(Path("/").glob(f"{folder}/{LIBRARY}")):
                return path
        if attempt == "look":
            install_package(LIBRARY, "galera-4")
    raise ServerMissing(f"{LIBRARY} is still not found after apt-get install galera-4")
