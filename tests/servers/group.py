"""A MySQL group (Group Replication): several servers with the same data, one or each of which takes writes.

In a group with one primary, the others refuse writes, and one of them takes its place when it is lost. In a group of
primaries, two that change the same row find out at the commit: one of them gets an error there. In both, a row that one
node has acknowledged may be missing for a moment on another one.
"""

from __future__ import annotations

import secrets
import time
import uuid
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from servers.base import ADMIN
from servers.binaries import need_module
from servers.cluster import Cluster
from servers.errors import ServerBroken
from servers.machine import free_port
from servers.mysql import SETTINGS, STORAGE, MysqlServer, prepare, programs
from servers.process import PATIENCE, Command, ServerProcess
from servers.registry import kept

WITH_PRIMARY, PRIMARIES = "mysql-group", "mysql-group-of-primaries"

# A file, because it is written anew at each start. The plug-in's settings are loose, since it is loaded after they are
# read. The timeouts say how long nodes wait for one that was killed, and one without the others for them: short, but
# not so short that a busy machine looks dead.
GROUP = """\
[mysqld]
server_id = {number}
gtid_mode = ON
enforce_gtid_consistency = ON
report_host = 127.0.0.1
report_port = {port}
plugin_load_add = group_replication.so
loose_group_replication_group_name = {name}
loose_group_replication_local_address = 127.0.0.1:{own}
loose_group_replication_group_seeds = {peers}
loose_group_replication_start_on_boot = {boot}
loose_group_replication_single_primary_mode = {single}
loose_group_replication_enforce_update_everywhere_checks = {everywhere}
loose_group_replication_recovery_get_public_key = ON
loose_group_replication_member_expel_timeout = 2
loose_group_replication_unreachable_majority_timeout = 5
"""
# What makes the administrator is done on each node by itself: in the group it would be done three times.
ALONE = "SET SQL_LOG_BIN = 0;\n"
RECOVERY = (
    "CHANGE REPLICATION SOURCE TO SOURCE_USER = %s, SOURCE_PASSWORD = %s FOR CHANNEL 'group_replication_recovery'"
)
MEMBERS = "SELECT member_port, member_state, member_role FROM performance_schema.replication_group_members"


class GroupNode(MysqlServer):
    """A node of a group; in all else a MySQL server like any other, which `kill` and `restart` work on too."""

    group: Group
    number: int
    address: str

    @classmethod
    def join(cls, group: Group) -> GroupNode:
        """Start the next node of a group; the first one makes the group, the others copy its data."""
        process = ServerProcess("group", ("mysql",), farewell=cls.crash)
        number, peers = len(group.nodes), group.peers()
        addresses: list[str] = []
        with process.closed_on_error():
            options = prepare(process, group.url, group.program, group.places, group.template, ALONE)
            if group.template is None:
                group.template = process.folder / "template"
                process.run("cp", "-r", process.folder / "data", group.template)
                process.run("rm", group.template / "auto.cnf")  # the name of a server, by which others know it

            def command(port: int) -> Command:
                addresses[:] = [f"127.0.0.1:{free_port()}"]
                text = group.settings(number, port, addresses[0], peers or addresses[0], boot=False)
                settings = process.write("group.cnf", text)
                return [group.program, f"--defaults-file={settings}", *options, f"--port={port}", *STORAGE, *SETTINGS]

            node: GroupNode = cls._launch(process, group.url, command)  # type: ignore[assignment]
            node.group, node.number, node.address = group, number, addresses[0]
            node._begin(first=not peers)
        return node

    def restart(self, *, immediate: bool = True) -> None:
        """End the node (`immediate`: as a crash does) if it runs, and have it join the others again until it has all
        that they wrote meanwhile. It needs another one that runs."""
        self.process.end(self.crash if immediate else self.finish)
        self.process.write("init.sql", "")  # it refuses writes from its start
        text = self.group.settings(self.number, self.process.port, self.address, self.group.peers(), boot=True)
        self.process.write("group.cnf", text)
        self.process.restart()
        self._wait_until_online()

    def members(self) -> dict[int, tuple[str, str]]:
        """State and role of each node of the group, by its port, as this one sees them."""
        return {port: (state, role) for port, state, role in self.admin(MEMBERS)}

    @property
    def online(self) -> bool:
        """Whether the node belongs to the group and has what the others have."""
        return self.members().get(self.process.port, ("", ""))[0] == "ONLINE"

    @property
    def primary(self) -> bool:
        """Whether the node takes writes."""
        return self.online and self.admin("SELECT @@GLOBAL.super_read_only") == [(0,)]

    def _begin(self, *, first: bool) -> None:
        with self.session() as execute:
            execute(RECOVERY, self.group.url.username, self.group.url.password)
            execute(f"SET GLOBAL group_replication_bootstrap_group = {'ON' if first else 'OFF'}")
            execute("START GROUP_REPLICATION")
            execute("SET GLOBAL group_replication_bootstrap_group = OFF")
        self._wait_until_online()

    def _wait_until_online(self) -> None:
        late = time.monotonic() + PATIENCE
        while not self.online:
            if time.monotonic() > late:
                raise ServerBroken(f"node {self.number} did not join the group in {PATIENCE:.0f} s")
            time.sleep(0.05)


class Group(Cluster):
    """A private group, of primaries or with one primary."""

    nodes: list[GroupNode]

    def __init__(self, size: int = 3, *, of_primaries: bool = False) -> None:
        super().__init__()
        need_module(MysqlServer.module, MysqlServer.extra)
        self.program, self.places = programs()
        self.of_primaries = of_primaries
        self.template: Path | None = None
        self.name = str(uuid.uuid4())
        self.url = URL.create("mysql+pymysql", ADMIN, secrets.token_hex(8))
        self.nodes = []
        try:
            for _ in range(size):
                self.nodes.append(GroupNode.join(self))
            self.wait_for_size(size)
        except BaseException:
            self.stop()
            raise

    @property
    def primary(self) -> GroupNode:
        """The node that takes writes, or one of several; while one is elected, that is waited for."""
        late = time.monotonic() + PATIENCE
        while True:
            for node in self.running:
                if node.primary:
                    return node  # type: ignore[no-any-return]
            if time.monotonic() > late:
                raise ServerBroken(f"no node took writes in {PATIENCE:.0f} s")
            time.sleep(0.05)

    @property
    def writable(self) -> GroupNode:
        """A node that takes writes."""
        return self.primary

    def peers(self) -> str:
        """Where the nodes find each other; empty before the first one."""
        return ",".join(node.address for node in self.nodes)

    def settings(self, number: int, port: int, own: str, peers: str, *, boot: bool) -> str:
        """The settings of a node at its next start."""
        modes = {"single": "OFF", "everywhere": "ON"} if self.of_primaries else {"single": "ON", "everywhere": "OFF"}
        places: dict[str, Any] = {"port": port, "own": own.rpartition(":")[2], "peers": peers}
        return GROUP.format(number=number + 1, name=self.name, boot="ON" if boot else "OFF", **places, **modes)

    def complete(self) -> None:
        """Start the nodes again that do not run or that have left the group, and wait until all belong together."""
        for node in self.running:
            if not node.online:
                node.restart()
        super().complete()

    def catch_up(self) -> None:
        """Wait until each running node has applied all that was committed on any of them before."""
        for node in self.running:
            with node.session() as execute:
                execute("SET SESSION group_replication_consistency = 'BEFORE'")
                execute("SELECT count(*) FROM mysql.user")

    def _is_of_size(self, size: int) -> bool:
        nodes = self.running
        whole = [
            len(seen) == size and {state for state, _ in seen.values()} == {"ONLINE"}
            for seen in (node.members() for node in nodes)
        ]
        return all(whole) and sum(node.primary for node in nodes) == (len(nodes) if self.of_primaries else 1)


def require(*, of_primaries: bool = False) -> Group:
    """The process's group of that kind, started at first use; a test without is skipped or fails as for a server."""
    return kept(PRIMARIES if of_primaries else WITH_PRIMARY, lambda: Group(of_primaries=of_primaries))
