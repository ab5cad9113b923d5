"""A server that speaks another language turns connections away: its code says why, not its words."""

from __future__ import annotations

import socket
import struct

import pytest

from engines.fake_servers import Talk, listening
from trialstore.storage import SqlStorage, StorageError


def refusing(code: str, text: str) -> Talk:
    """A PostgreSQL server that answers each client's first message like that."""

    def talk(client: socket.socket, received: list[bytes]) -> None:
        while True:
            (length,) = struct.unpack("!i", client.recv(4, socket.MSG_WAITALL))
            received.append(client.recv(length - 4, socket.MSG_WAITALL))
            if struct.unpack("!i", received[-1][:4])[0] not in (80877103, 80877104):  # TLS or GSSAPI?
                break
            client.sendall(b"N")
        fields = b"".join(part.encode() + b"\0" for part in ("SFATAL", "VFATAL", f"C{code}", f"M{text}"))
        client.sendall(b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0")
        client.shutdown(socket.SHUT_WR)

    return talk


@pytest.mark.parametrize(
    ("code", "text", "name", "hint"),
    [
        ("53300", "tut mir leid, schon zu viele Verbindungen", "Busy", "connections"),
        ("57P03", "das Datenbanksystem startet", "ServerUnreachable", "server"),
        ("53300", "извините, уже слишком много клиентов", "Busy", "connections"),
    ],
)
def test_a_refusal_in_any_language_is_known_by_its_code(code: str, text: str, name: str, hint: str) -> None:
    with listening(refusing(code, text)) as server:
        config = {"drivername": "postgresql", "host": "127.0.0.1", "port": server.port, "database": "bench"}
        with pytest.raises(StorageError) as caught:
            SqlStorage({**config, "username": "me", "password": "never-asked-for", "retry_timeout": 0.2})
        assert type(caught.value).__name__ == name
        assert hint in caught.value.hint.lower()
        assert b"never-asked-for" not in b"".join(server.received)


def test_a_refusal_of_this_client_alone_keeps_the_words_of_the_server() -> None:
    text = "Passwort-Authentifizierung fehlgeschlagen"
    with listening(refusing("28P01", text)) as server:
        config = {"drivername": "postgresql", "host": "127.0.0.1", "port": server.port, "database": "bench"}
        with pytest.raises(StorageError, match=text) as caught:
            SqlStorage({**config, "username": "me", "password": "never-asked-for", "retry_timeout": 0.2})
        assert "'password'" in caught.value.hint
