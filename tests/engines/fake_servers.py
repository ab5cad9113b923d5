"""Servers that only pretend to be one, and ask for the password itself."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

PATIENCE = 10.0


@dataclass
class Fake:
    """Where such a server listens, and what it was sent in all."""

    port: int
    received: list[bytes] = field(default_factory=list)
    """What a client said, message by message."""

    @property
    def heard(self) -> bytes:
        """All of it."""
        return b"".join(self.received)


Talk = Callable[[socket.socket, list[bytes]], None]


@contextlib.contextmanager
def listening(talk: Talk) -> Iterator[Fake]:
    """A server on all addresses of this machine that talks like that to each client."""
    with socket.create_server(("0.0.0.0", 0)) as listener:  # noqa: S104 - for the test's own moments
        listener.settimeout(0.1)
        fake, over = Fake(listener.getsockname()[1]), threading.Event()

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    client, _ = listener.accept()
                    with client:
                        client.settimeout(PATIENCE)
                        talk(client, fake.received)
                        client.settimeout(1.0)  # what comes, comes at once
                        while data := client.recv(4096):
                            fake.received.append(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            over.set()
            thread.join(PATIENCE)


def own_address() -> str:
    """An address of this machine that is not the loopback's: to whom it belongs nobody can see."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has the loopback's address only")
        address: str = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has the loopback's address only")
    return address


def postgresql(client: socket.socket, received: list[bytes]) -> None:
    """Without TLS, asks for the password in clear."""
    while True:
        (length,) = struct.unpack("!i", _exactly(client, 4))
        content = _exactly(client, length - 4)
        received.append(content)
        if struct.unpack("!i", content[:4])[0] not in (80877103, 80877104):  # TLS or GSSAPI?
            break
        client.sendall(b"N")
    client.sendall(b"R" + struct.pack("!ii", 8, 3))


def mysql(plugin: str, key: bytes = b"", *, first: bool = False) -> Talk:
    """Without TLS, asks for a login by that plugin, at once or by a switch, and for all of it."""

    def talk(client: socket.socket, received: list[bytes]) -> None:
        name = (plugin if first else "mysql_native_password").encode()
        # Without TLS, with plugins.
        capabilities = 0x000F_A7FF & ~0x800 | 0x8_0000
        client.sendall(_packet(0, _greeting(capabilities, name)))
        number = _message(client, received) + 1
        if not first:
            data = b"\x04Password: " if plugin == "dialog" else b"x" * 20 + b"\0"
            client.sendall(_packet(number, b"\xfe" + plugin.encode() + b"\0" + data))
            if plugin in ("mysql_clear_password", "dialog", "mysql_old_password"):
                return
            number = _message(client, received) + 1
        if plugin == "caching_sha2_password":
            client.sendall(_packet(number, b"\x01\x04"))  # not known here: all of it, please
            number = _message(client, received) + 1
        client.sendall(_packet(number, b"\x01" + key))

    return talk


def _greeting(capabilities: int, plugin: bytes) -> bytes:
    low, high = capabilities & 0xFFFF, capabilities >> 16
    head = b"\x0a8.0.36\0" + struct.pack("<I", 1) + b"a" * 8 + b"\0"
    rest = struct.pack("<HBHHB", low, 45, 2, high, 21) + b"\0" * 10 + b"b" * 12 + b"\0"
    return head + rest + plugin + b"\0"


def _packet(number: int, content: bytes) -> bytes:
    return struct.pack("<I", len(content))[:3] + bytes([number]) + content


def _message(client: socket.socket, received: list[bytes]) -> int:
    """The number of the client's next packet."""
    head = _exactly(client, 4)
    received.append(_exactly(client, int.from_bytes(head[:3], "little")))
    return head[3]


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = client.recv(size - len(data))
        if not part:
            raise ConnectionError("the client left")
        data += part
    return data
