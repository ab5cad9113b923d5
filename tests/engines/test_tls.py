"""TLS that a server demands, offers or lacks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.databases import Config, Database, engines, needs_private, on_servers, refusal, user_of
from servers import mariadb
from servers.base import DatabaseServer
from servers.mariadb import MariadbServer
from servers.postgresql import PostgresqlServer
from trialstore.storage import ConnectError, SqlStorage

WITHOUT_PROOF = {"postgresql": {"sslmode": "require"}, "mysql": {"ssl_verify_mode": "none"}}


def opened(config: Config) -> None:
    """Open a storage of a database that has the schema."""
    with SqlStorage({**config, "schema_policy": "verify"}) as storage:
        assert list(storage.experiments) == ["Exp"]


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this host that vouches for itself, and its key, which the servers' users can read."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    certificate, key = folder / "server.crt", folder / "server.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@on_servers
def test_tls_is_refused_where_the_server_has_none(engine: str, database: Database) -> None:
    if database.server.name == "mysql":
        pytest.skip("MySQL makes a certificate for itself, and so always has TLS")
    needs_private(database.server)
    error = refusal(lambda: SqlStorage(database.config(query=WITHOUT_PROOF[engine])))
    assert type(error) is ConnectError
    assert "TLS" in error.hint


@engines("mysql")
@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ({"ssl_ca": "/no/such/file.pem"}, "ssl_"),
        ({"ssl_ca": __file__}, "ssl_"),
        ({"ssl_verify_mode": "perhaps"}, "none, optional, required"),
        ({"ssl_check_hostname": "perhaps"}, "true, false"),
        ({"ssl_ca": ["a", "b"]}, "once"),
    ],
    ids=str,
)
def test_tls_settings_that_cannot_be_are_refused(database: Database, query: Config, hint: str) -> None:
    assert hint in refusal(lambda: SqlStorage(database.config(query=query))).hint


@engines("postgresql")
@pytest.mark.parametrize(
    "query", [{"sslmode": "requir"}, {"sslmode": "verify-full", "sslrootcert": "/no/such/file.pem"}], ids=str
)
def test_tls_settings_that_are_wrong_are_refused(database: Database, query: Config) -> None:
    error = refusal(lambda: SqlStorage(database.config(query=query)))
    assert type(error) is ConnectError
    assert error.hint


@pytest.fixture
def tls_server(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[DatabaseServer, Path]]:
    """A server of its own that offers TLS, and the certificate that proves it."""
    certificate, key = make_certificate(tmp_path)
    monkeypatch.delenv(f"TRIALSTORE_TEST_{engine.upper()}_URL", raising=False)
    found = {"postgresql": _postgresql, "mysql": _mariadb}[engine](certificate, key, monkeypatch)
    yield found, certificate
    found.stop()


def _postgresql(certificate: Path, key: Path, _monkeypatch: pytest.MonkeyPatch) -> DatabaseServer:
    server = PostgresqlServer.start()
    rights = server.process.folder / "data" / "pg_hba.conf"
    rules = rights.read_text(encoding="utf-8")
    rights.write_text(
        f"hostssl all +tls_only all scram-sha-256\nhostnossl all +tls_only all reject\n{rules}", encoding="utf-8"
    )
    server.admin("CREATE ROLE tls_only")
    for name, file in (("ssl_cert_file", certificate), ("ssl_key_file", key)):
        server.admin(f"ALTER SYSTEM SET {name} = '{server.process.write(file.name, file.read_text(encoding='ascii'))}'")
    server.admin("ALTER SYSTEM SET ssl = on")
    server.restart()
    return server


def _mariadb(certificate: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> DatabaseServer:
    started = mariadb.ServerProcess

    class WithCertificate(started):  # type: ignore[misc,valid-type]
        def start_on_free_port(self, command, ready):  # type: ignore[no-untyped-def]
            files = [
                f"--ssl-{name}={self.write(file.name, file.read_text(encoding='ascii'))}"
                for name, file in (("cert", certificate), ("key", key))
            ]
            super().start_on_free_port(lambda port: [*command(port), *files], ready)

    monkeypatch.setattr(mariadb, "ServerProcess", WithCertificate)
    return MariadbServer.start()


def refuses_without_tls(config: Config) -> None:
    error = refusal(lambda: opened(config))
    assert type(error) is ConnectError
    assert "TLS" in error.hint


DEMAND = {"postgresql": "GRANT tls_only TO {username}", "mysql": "ALTER USER {username}@'%' REQUIRE SSL"}
PROVEN = {
    "postgresql": lambda file: {"sslmode": "verify-full", "sslrootcert": str(file)},
    "mysql": lambda file: {"ssl_ca": str(file)},
}


@engines("mysql")
def test_tls_that_is_demanded_and_not_there_is_named_as_a_reason(engine: str, database: Database) -> None:
    if database.server.name == "mysql":
        pytest.skip("MySQL makes a certificate for itself, and so always has TLS")
    needs_private(database.server)
    database.filled()
    with user_of(database, "x") as user:
        database.server.admin(DEMAND[engine].format(**user))
        refuses_without_tls(database.config(**user))


@on_servers
def test_tls_that_the_server_demands_must_be_given(
    engine: str, tls_server: tuple[DatabaseServer, Path], tmp_path: Path
) -> None:
    server, certificate = tls_server
    (tmp_path / "other").mkdir()
    stranger, _ = make_certificate(tmp_path / "other")
    database = Database(server, server.create_database())
    database.filled()
    with user_of(database, "x") as user:
        server.admin(DEMAND[engine].format(**user))
        if engine == "postgresql":
            refuses_without_tls(database.config(**user, query={"sslmode": "disable"}))
        opened(database.config(**user))  # both drivers use what the server offers
        opened(database.config(**user, query=WITHOUT_PROOF[engine]))
        opened(database.config(**user, query=PROVEN[engine](certificate)))
        error = refusal(lambda: opened(database.config(**user, query=PROVEN[engine](stranger))))
        assert type(error) is ConnectError
        assert error.hint
