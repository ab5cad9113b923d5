"""TLS that a server demands, offers or lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.databases import Config, Database, engines, needs_private, on_servers, refusal, user_of
from servers import tls
from servers.base import DatabaseServer
from servers.errors import ServerMissing
from servers.mariadb import MariadbServer
from servers.postgresql import PostgresqlServer
from trialstore.storage import ConnectError, SqlStorage

WITHOUT_PROOF = {"postgresql": {"sslmode": "require"}, "mysql": {"ssl_verify_mode": "none"}}


def opened(config: Config) -> None:
    """Open a storage of a database that has the schema."""
    with SqlStorage({**config, "schema_policy": "verify"}) as storage:
        assert list(storage.experiments) == ["Exp"]


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
def tls_server(engine: str, tmp_path: Path) -> Iterator[tuple[DatabaseServer, Path]]:
    """A server of its own that offers TLS, and the certificate that proves it."""
    certificate, key = certificate_of(tmp_path)
    found = tls.start({"postgresql": PostgresqlServer, "mysql": MariadbServer}[engine], certificate, key)
    if engine == "postgresql":
        found.admin("CREATE ROLE tls_only")
        rights = found.process.folder / "data" / "pg_hba.conf"
        rules = rights.read_text(encoding="utf-8")
        rules = f"hostssl all +tls_only all scram-sha-256\nhostnossl all +tls_only all reject\n{rules}"
        rights.write_text(rules, encoding="utf-8")
        found.restart()
    yield found, certificate
    found.stop()


def certificate_of(folder: Path) -> tuple[Path, Path]:
    try:
        return tls.make_certificate(folder)
    except ServerMissing as reason:
        pytest.skip(f"no openssl to make a certificate with: {reason}")


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
    stranger, _ = certificate_of(tmp_path / "other")
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
