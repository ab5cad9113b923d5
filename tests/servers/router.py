"""MySQL Router in front of a group: a port for writing leads to its primary, another one for reading to the others."""

from __future__ import annotations

import os
import signal
from typing import Any

from servers import group
from servers.base import answers
from servers.group import Group
from servers.machine import free_port
from servers.process import ServerProcess
from servers.registry import kept
from servers.unpacked import Release

RELEASE = Release("unstable", ("mysql-router",), "usr/bin", "usr/lib/mysql-router")
# To the servers that each port names, in their order, and not by what the group says of them: for that, Router makes
# users and tables of its own in it.
SETTINGS = """\
[DEFAULT]
logging_folder =
plugin_folder = {plugins}
runtime_folder = {folder}
data_folder = {folder}
max_idle_server_connections = {idle}

[logger]
level = WARNING

[connection_pool]

[routing:write]
bind_address = 127.0.0.1
bind_port = {write_port}
socket = {socket}
destinations = {primary}
routing_strategy = first-available
protocol = classic
{mode}

[routing:read]
bind_address = 127.0.0.1
bind_port = {read_port}
destinations = {others}
routing_strategy = round-robin
protocol = classic
{mode}
"""
# Router logs in to the servers by itself, greets clients itself, and lets them share sessions.
SHARING = """\
client_ssl_mode = PREFERRED
client_ssl_cert = {data}/server-cert.pem
client_ssl_key = {data}/server-key.pem
server_ssl_mode = PREFERRED
connection_sharing = 1
connection_sharing_delay = 0
"""


class Router:
    """A private Router; user and password are those of the group's administrator.

    `sharing`: clients share the sessions of the servers; otherwise each one has a session, to which Router passes
    everything on as it is.
    """

    def __init__(self, behind: Group, *, sharing: bool = False) -> None:
        self.group = behind
        self._owner = os.getpid()
        self._stopped = False
        self.sharing = sharing
        self.read_port = 0
        program = RELEASE.program("mysqlrouter")
        self.process = ServerProcess("router", ("mysql",), farewell=signal.SIGKILL)
        with self.process.closed_on_error():
            self.process.start_on_free_port(
                lambda port: [program, "-c", self.process.write("router.conf", self._settings(port))], self._ready
            )

    @property
    def stopped(self) -> bool:
        """Whether it or the group behind it was stopped."""
        return self._stopped or self.group.stopped

    def config(self, database: str, *, read: bool = False, **more: Any) -> dict[str, Any]:
        """The administrator's config of a storage in a database, through the port for writing or the one for
        reading."""
        port = self.read_port if read else self.process.port
        return {**self.group.config(0, database), "host": "127.0.0.1", "port": port, **more}

    def stop(self) -> None:
        """End Router, not the group."""
        if not self._stopped and os.getpid() == self._owner:
            self._stopped = True
            self.process.close()

    def _settings(self, port: int) -> str:
        self.read_port = free_port()
        primary = self.group.primary
        mode = SHARING.format(data=primary.process.folder / "data") if self.sharing else ""
        return SETTINGS.format(
            plugins=RELEASE.folder() / "usr" / "lib" / "mysqlrouter" / "plugin",
            folder=self.process.folder,
            socket=self.process.folder / "sock",
            write_port=port,
            read_port=self.read_port,
            primary=_address(primary),
            others=",".join(_address(node) for node in self.group.nodes if node is not primary),
            idle=8 if self.sharing else 0,
            mode=mode,
        )

    def _ready(self) -> bool:
        socket = self.process.folder / "sock"
        url = self.group.url.set(query={"unix_socket": str(socket)})
        return self.process.listens(socket) and answers("pymysql", url)


def require(*, sharing: bool = False) -> Router:
    """The process's Router before its group with one primary; a test without is skipped or fails as for a server."""
    name = f"mysql-router{' with shared sessions' if sharing else ''}"
    return kept(name, lambda: Router(group.require(), sharing=sharing))


def _address(node: group.GroupNode) -> str:
    return f"127.0.0.1:{node.process.port}"
