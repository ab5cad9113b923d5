"""Why a PostgreSQL server turns connections away, by its code, whatever language it speaks.

Of a refusal that comes before a connection is made, the driver has only the text. A server that has no free connection
slot, or is not ready, says so in answer to the client's first message, before it asks for a password. So this module
sends that message alone, and returns the code of the answer.
https://www.postgresql.org/docs/current/protocol-flow.html, "Start-up"
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

_VERSION = 3 << 16
_SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp")  # noqa: S108 - where libpq and its distributions look
_LONGEST = 65_536
_PASSING = ("53", "57")  # classes of codes: no room, not ready


def startup_code(arguments: Mapping[str, Any], timeout: float) -> str | None:
    """The SQLSTATE with which one of the hosts that libpq was given has no room, or is not ready, for any client; None
    where none says so. `timeout` in seconds holds for each host.

    Other refusals are not looked at: this message comes without TLS, which may be all that the server has against it.
    """
    for host, port in _addresses(arguments):
        with suppress(OSError, ValueError, struct.error):
            if (code := _ask(host, port, arguments, timeout)) and code.startswith(_PASSING):
                return code
    return None


def _addresses(arguments: Mapping[str, Any]) -> list[tuple[str, int]]:
    hosts = str(arguments.get("hostaddr") or arguments.get("host") or "").split(",")
    ports = str(arguments.get("port") or "5432").split(",")
    pairs = zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=False)
    return [(host, int(port or 5432)) for name, port in pairs for host in ([name] if name else _SOCKET_FOLDERS)]


def _ask(host: str, port: int, arguments: Mapping[str, Any], timeout: float) -> str | None:
    with _connected(host, port, timeout) as client:
        fields = ("user", str(arguments.get("user") or ""), "database", str(arguments.get("dbname") or ""))
        content = struct.pack("!i", _VERSION) + b"".join(field.encode() + b"\0" for field in fields) + b"\0"
        client.sendall(struct.pack("!i", len(content) + 4) + content)
        kind, length = struct.unpack("!ci", _exactly(client, 5))
        if kind != b"E" or not 4 < length < _LONGEST:
            return None
        answer = _exactly(client, length - 4).split(b"\0")
        return next((field[1:].decode("ascii") for field in answer if field.startswith(b"C")), None)


def _connected(host: str, port: int, timeout: float) -> socket.socket:
    if not host.startswith(("/", "@")):
        return socket.create_connection((host, port), timeout)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(timeout)
    try:
        client.connect(f"{host.replace('@', chr(0), 1)}/.s.PGSQL.{port}")
    except BaseException:
        client.close()
        raise
    return client


def _exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (more := client.recv(count - len(data))):
            raise ConnectionError("closed")
        data += more
    return data
