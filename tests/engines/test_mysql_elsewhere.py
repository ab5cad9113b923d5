"""What MySQL servers say that are not here: of their versions, and of MySQL's own way to log in."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from engines.databases import refusal
from trialstore.dialects.base import Server
from trialstore.dialects.mysql import MySQLDialect
from trialstore.storage import ConnectError, SqlStorage

pytestmark = pytest.mark.engine("mysql")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("8.0.36", Server("mysql", (8, 0, 36))),
        ("8.4.2-commercial", Server("mysql", (8, 4, 2))),
        ("8.0.11-TiDB-v7.5.0", Server("mysql", (8, 0, 11))),
        ("5.5.5-10.6.12-MariaDB-log", Server("mariadb", (10, 6, 12))),
        ("5.5.5-10.3.39-MariaDB-0+deb10u1", Server("mariadb", (10, 3, 39))),
        ("11.4.3-MariaDB-ubu2404", Server("mariadb", (11, 4, 3))),
        ("unknown", Server("mysql", (0,))),
        # Proxies, whose version says nothing of the server behind them
        ("9.7.4-router", Server("mysql", (0,))),
        ("8.0.30 (ProxySQL)", Server("mysql", (0,))),
        ("5.5.5-10.11.6-MariaDB-maxscale", Server("mariadb", (0,))),
    ],
)
def test_servers_that_are_not_here_are_told_apart_by_what_they_say(told: str, expected: Server) -> None:
    connection = SimpleNamespace(get_server_info=lambda: told)
    dialect = MySQLDialect({"drivername": "mysql", "database": "x"})
    assert dialect.identify(connection) == expected


# MariaDB does not ask for that login, so this server does nothing but greet and ask.


def packet(number: int, content: bytes) -> bytes:
    return struct.pack("<I", len(content))[:3] + bytes([number]) + content


GREETING = (
    b"\x0a8.0.36\0" + struct.pack("<I", 7) + b"12345678\0" + b"\xff\xf7" + b"\xff" + b"\x02\x00" + b"\xff\xdf"
    b"\x15" + bytes(10) + b"123456789012\0" + b"caching_sha2_password\0"
)
FULL_LOGIN = b"\x01\x04"
KEY = b"\x01no key"


@pytest.fixture
def asks_for_sha2() -> Iterator[int]:
    """The port of a server that wants the whole password, encrypted with its key."""

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client.settimeout(10)
            for number, answer in ((0, GREETING), (2, FULL_LOGIN), (4, KEY)):
                client.sendall(packet(number, answer))
                client.recv(65_536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def test_a_login_that_needs_another_package_says_which(asks_for_sha2: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymysql._auth._have_cryptography", False)
    config = {"drivername": "mysql", "host": "127.0.0.1", "port": asks_for_sha2, "database": "x", "username": "u"}
    error = refusal(lambda: SqlStorage({**config, "password": "secret", "query": None}))
    assert type(error) is ConnectError
    assert "cryptography" in error.message
    assert "pymysql[rsa]" in error.hint
