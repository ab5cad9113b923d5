"""A network between client and server that fails when a test wants it to.

What the client sends is looked at message by message, so that a run with the same seed and the same statements is cut
at the same places, and so that connections can be cut around a commit: before it arrives, or between it and its answer.
A client cannot tell these two apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import random
import threading
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

from servers.wire import READERS

CHUNK = 65536
# Seconds in which what the proxy itself has to do is done, on a machine that is busy with other tests.
PATIENCE = 60.0
# Seconds that a client may take to read what came before the end.
GOODBYE = 5.0


class Cut(enum.Enum):
    """Where a connection was cut."""

    REQUEST = "a message of the client was dropped"
    ANSWER = "a message arrived, and of its answer at most a part"
    COMMIT_REQUEST = "a commit was dropped, so that the server rolls back"
    COMMIT_ANSWER = "the server carried a commit out, and its answer was dropped"
    DEMAND = "cut_all"


@dataclass(frozen=True)
class Faults:
    """How likely a connection is cut, by chances that begin anew with each connection.

    `message`: at a message of the client's, half of the times before it arrives, and half of them in its answer.
    `commit_request` and `commit_answer`: at a commit.
    """

    seed: int = 0
    message: float = 0.0
    commit_request: float = 0.0
    commit_answer: float = 0.0


class Target(Protocol):
    """What a proxy can stand before: a server, or a node of a cluster."""

    engine: Any

    def config(self, database: str, **more: Any) -> dict[str, Any]:
        """The administrator's config of a storage in a database, over TCP."""


class Proxy:
    """A port of 127.0.0.1 that leads to a server, for the duration of a `with` block.

    It lives in a thread: a forked child and other processes can connect to it, but only its own process controls it.
    """

    def __init__(self, server: Target, faults: Faults | None = None) -> None:
        self._server = server
        target = server.config("")
        self.target = (str(target.get("host") or "127.0.0.1"), int(target["port"]))
        self.reader = READERS[server.engine]
        self.faults = faults or Faults()
        """May be replaced at any time; what is connected already begins the new chances too."""
        self.cuts: Counter[Cut] = Counter()
        """How many connections were cut where."""
        self.silent_after: int | None = None
        """After so many more messages of clients nothing goes through any more, in no direction, and nothing is closed;
        who connects then meets a port that says nothing. None: never."""
        self.connections = 0
        """How many clients have come."""
        self.round_trips = 0
        """How often a client asked for something and waited."""
        self.port = 0
        self._failures: list[BaseException] = []
        self._next_commit: list[Cut] = []
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._listener = self._run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._run(self._close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
            self._loop.close()
        if self._failures and error is None:
            raise self._failures[0]

    def config(self, database: str, **more: Any) -> dict[str, Any]:
        """The administrator's config of a storage in a database, through the proxy."""
        return {**self._server.config(database), "host": "127.0.0.1", "port": self.port, **more}

    def cut_all(self) -> int:
        """Cut all connections, of which there were as many as returned."""
        return self._run(self._cut_all())

    @property
    def silent(self) -> bool:
        """Whether nothing goes through any more."""
        return self.silent_after is not None and self.silent_after <= 0

    def falls_silent(self) -> bool:
        """Whether the message at hand, and all after it, are kept back."""
        if self.silent_after is not None and not self.silent:
            self.silent_after -= 1
            return False
        return self.silent

    def cut_next_commit(self, where: Cut = Cut.COMMIT_ANSWER) -> None:
        """Cut the next commit that comes; called several times, several."""
        self._next_commit.append(where)

    def fate(self, chances: random.Random, faults: Faults, commits: bool) -> Cut | None:
        """Where a connection is to be cut at the client's message at hand."""
        # Always as many draws, so that the chances of one kind do not depend on those of another.
        by_message, half, by_commit = (chances.random() for _ in range(3))
        if commits:
            if self._next_commit:
                return self._next_commit.pop(0)
            if by_commit < faults.commit_request:
                return Cut.COMMIT_REQUEST
            if by_commit < faults.commit_request + faults.commit_answer:
                return Cut.COMMIT_ANSWER
        if by_message < faults.message:
            return Cut.REQUEST if half < 0.5 else Cut.ANSWER
        return None

    def _run(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)

    async def _listen(self) -> asyncio.Server:
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        return listener

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        link = _Link(self, self.connections, reader, writer)
        self._links.add(link)
        try:
            await link.run()
        except Exception as error:  # noqa: BLE001 - raised by the test's own thread
            self._failures.append(error)
        finally:
            self._links.discard(link)

    async def _cut_all(self) -> int:
        links = list(self._links)
        for link in links:
            link.cut(Cut.DEMAND)
        for link in links:
            await link.ended.wait()
        return len(links)

    async def _close(self) -> None:
        self._listener.close()
        for link in self._links:
            link.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE / 2)


class _Link:
    """One client and its connection to the server."""

    def __init__(self, proxy: Proxy, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.proxy = proxy
        self.number = number
        self.client = (reader, writer)
        self.ended = asyncio.Event()
        self.writers = [writer]
        self.faults: Faults | None = None
        self.chances = random.Random()
        # What becomes of the next thing that the server says.
        self.pending: Cut | None = None
        self.done = asyncio.Event()

    async def run(self) -> None:
        """Forward in both directions until one side ends, or the connection is to be cut."""
        try:
            if self.proxy.silent:
                await self.done.wait()
                return
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(*self.proxy.target)
                self.writers.append(writer)
                await self._forward(self._requests(writer), self._answers(reader), _wait(self.done))
        finally:
            for writer in self.writers:
                await _closed(writer)
            self.ended.set()

    async def _forward(self, *ways: Coroutine[Any, Any, None]) -> None:
        """Go all these ways until one ends."""
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def cut(self, where: Cut) -> None:
        """Close both sides at once: what is on its way is lost."""
        if not self.done.is_set():
            self.proxy.cuts[where] += 1
            self.close()

    def close(self) -> None:
        """Close both sides at once."""
        self.done.set()
        for writer in self.writers:
            writer.transport.abort()

    def _fate(self, commits: bool) -> Cut | None:
        faults = self.proxy.faults
        if faults is not self.faults:
            self.faults = faults
            # Each connection has its own chances, so that it does not matter which of several is faster.
            self.chances.seed(f"{faults.seed} {self.number}")
        return self.proxy.fate(self.chances, faults, commits)

    async def _requests(self, server: asyncio.StreamWriter) -> None:
        reader = self.proxy.reader()
        while data := await self.client[0].read(CHUNK):
            for message, commits in reader.messages(data):
                if self.proxy.falls_silent():
                    await self.done.wait()
                    return
                self.proxy.round_trips += reader.asks(message)
                fate = self._fate(commits)
                if fate in (Cut.REQUEST, Cut.COMMIT_REQUEST):
                    self.cut(fate)
                    return
                # Set before the message is sent, since the answer may be quick.
                self.pending = self.pending or fate
                server.write(message)
            await server.drain()

    async def _answers(self, server: asyncio.StreamReader) -> None:
        _, client = self.client
        first = True
        while data := await server.read(CHUNK):
            if first:
                data, first = self.proxy.reader().greeting(data), False
            if self.proxy.silent:
                await self.done.wait()
                return
            if self.pending is not None:
                # The server answers when it has done what was asked, so that a commit whose answer begins is done.
                if self.pending is Cut.ANSWER:
                    client.write(data[: len(data) // 2])
                self.cut(self.pending)
                return
            client.write(data)
            await client.drain()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Close a connection; what was written is still sent, unless nobody takes it."""
    writer.close()
    with contextlib.suppress(OSError):
        try:
            await asyncio.wait_for(writer.wait_closed(), GOODBYE)
        except asyncio.TimeoutError:
            writer.transport.abort()
