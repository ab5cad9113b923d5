"""As much of the databases' protocols as a proxy must know to see where a client's messages end, and which commit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

COMMIT = re.compile(rb"\s*(COMMIT|END)\b(?!\s+PREPARED)", re.IGNORECASE)


class Reader(Protocol):
    """Takes what one client sends, piece by piece."""

    def messages(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """The messages that are complete now, and of each whether the server commits when it gets it."""

    def asks(self, message: bytes) -> bool:
        """Whether the client waits for an answer when it has sent this: a round trip."""

    def greeting(self, data: bytes) -> bytes:
        """What the client gets of the first that the server says: no offer of TLS, behind which nothing is seen."""


class PostgresqlReader:
    """Messages of PostgreSQL's protocol, version 3: a letter, a length, and content.

    https://www.postgresql.org/docs/current/protocol-message-formats.html
    """

    REQUESTS = (80877103, 80877104)  # may we use TLS, or GSSAPI? What comes after the answer has no letter either.

    def __init__(self) -> None:
        self._buffer = b""
        self._started = False
        # What was prepared under which name, and which portals hold such a statement: as far as it is a commit.
        self._statements: set[bytes] = set()
        self._portals: set[bytes] = set()

    def messages(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        self._buffer += data
        while True:
            head = 1 if self._started else 0
            length = head + int.from_bytes(self._buffer[head : head + 4], "big")
            if len(self._buffer) < head + 4 or len(self._buffer) < length:
                return
            message, self._buffer = self._buffer[:length], self._buffer[length:]
            if self._started:
                yield message, self._commits(message[:1], message[5:])
            else:
                self._started = int.from_bytes(message[4:8], "big") not in self.REQUESTS
                yield message, False

    def asks(self, message: bytes) -> bool:
        return message[:1] in (b"Q", b"S")  # a query, or the end of one in parts (Sync)

    def greeting(self, data: bytes) -> bytes:
        return data  # the client asks for TLS first, and the private servers have none

    def _commits(self, kind: bytes, content: bytes) -> bool:
        if kind == b"Q":
            return COMMIT.match(content) is not None
        name, _, rest = content.partition(b"\0")
        if kind == b"P":
            _keep(self._statements, name, COMMIT.match(rest) is not None)
        elif kind == b"B":
            _keep(self._portals, name, rest.partition(b"\0")[0] in self._statements)
        elif kind == b"C":
            _keep(self._statements if name[:1] == b"S" else self._portals, name[1:], False)
        return kind == b"E" and name in self._portals


class MysqlReader:
    """Packets of MySQL's and MariaDB's protocol: a length, a number that each command begins with 0, and content.

    https://mariadb.com/docs/server/reference/clientserver-protocol
    """

    QUERY = 3
    TLS = 0x08  # in the second byte of the server's capabilities

    def __init__(self) -> None:
        self._buffer = b""

    def messages(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        self._buffer += data
        while True:
            length = 4 + int.from_bytes(self._buffer[:3], "little")
            if len(self._buffer) < length:
                return
            message, self._buffer = self._buffer[:length], self._buffer[length:]
            query = message[3] == 0 and message[4:5] == bytes([self.QUERY])
            yield message, query and COMMIT.match(message[5:]) is not None

    def asks(self, message: bytes) -> bool:
        return message[3] == 0  # what the client begins

    def greeting(self, data: bytes) -> bytes:
        if data[4:5] != b"\x0a":  # an error
            return data
        # The text of the version, the number of the connection, a part of the challenge and a 0 stand before.
        at = data.index(b"\0", 5) + 1 + 4 + 8 + 1 + 1
        return data[:at] + bytes([data[at] & ~self.TLS]) + data[at + 1 :]


READERS: dict[str, type[PostgresqlReader | MysqlReader]] = {"postgresql": PostgresqlReader, "mysql": MysqlReader}
"""Engine → what understands its clients."""


def _keep(names: set[bytes], name: bytes, commits: bool) -> None:
    (names.add if commits else names.discard)(name)
