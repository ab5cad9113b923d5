"""Several servers with the same data, of which a test may lose some."""

from __future__ import annotations

import abc
import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from typing import Any

from servers.base import DatabaseServer
from servers.errors import ServerBroken
from servers.process import PATIENCE


class Cluster(abc.ABC):
    """A private cluster; user and password are the same on all nodes."""

    nodes: Sequence[DatabaseServer]

    def __init__(self) -> None:
        self._owner = os.getpid()
        self.stopped = False

    @property
    def running(self) -> list[Any]:
        """The nodes whose process is there."""
        return [node for node in self.nodes if node.process.running]

    @property
    def writable(self) -> DatabaseServer:
        """A node that takes writes."""
        return self.running[0]  # type: ignore[no-any-return]

    @property
    def pids(self) -> list[int | None]:
        """The process ids of the nodes."""
        return [node.pid for node in self.nodes]

    def config(self, number: int, database: str, **more: Any) -> dict[str, Any]:
        """The administrator's config of a storage in a database, on one node."""
        return self.nodes[number].config(database, **more)

    def hosts_config(self, database: str, first: int = 0) -> dict[str, Any]:
        """The administrator's config of a storage in a database, on whichever node serves, beginning with one."""
        configs = [self.config(number, database) for number in range(len(self.nodes))]
        known = {key: value for key, value in configs[0].items() if key not in ("host", "port")}
        hosts = [f"{config['host']}:{config['port']}" for config in (*configs[first:], *configs[:first])]
        return {**known, "hosts": hosts}

    def create_database(self) -> str:
        """The name of a new, empty database, which all running nodes know."""
        name = self.writable.create_database()
        self.catch_up()
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database although somebody is connected to it; one that is gone already is fine."""
        self.writable.drop_database(name)
        self.catch_up()

    def kill(self, number: int) -> None:
        """Kill a node, as the system does when memory runs out; the others notice it after some seconds only, in which
        their commits wait."""
        self.nodes[number].kill()

    def rejoin(self, number: int) -> None:
        """Start a killed node again, and wait until it has what the others wrote meanwhile."""
        self.nodes[number].restart()

    @contextlib.contextmanager
    def stopped_for_a_while(self, *numbers: int) -> Iterator[None]:
        """Nodes that neither answer nor are gone, for the duration of a `with` block."""
        pids = [pid for number in numbers if (pid := self.nodes[number].pid) is not None]
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def complete(self) -> None:
        """Start the nodes again that do not run, and wait until all belong together."""
        for number, node in enumerate(self.nodes):
            if not node.process.running:
                self.rejoin(number)
        self.wait_for_size(len(self.nodes))

    @abc.abstractmethod
    def catch_up(self) -> None:
        """Wait until each running node has applied all that was committed on any of them before."""

    def wait_for_size(self, size: int) -> None:
        """Wait until the running nodes agree that they are so many, and take writes again."""
        late = time.monotonic() + PATIENCE
        while not self._is_of_size(size):
            if time.monotonic() > late:
                raise ServerBroken(f"the cluster did not come to {size} nodes in {PATIENCE:.0f} s")
            time.sleep(0.05)

    @abc.abstractmethod
    def _is_of_size(self, size: int) -> bool: ...

    def stop(self) -> None:
        """End all nodes and remove their folders."""
        if self.stopped or os.getpid() != self._owner:
            return
        self.stopped = True
        with contextlib.ExitStack() as stack:
            for node in self.nodes:
                stack.callback(node.stop)
