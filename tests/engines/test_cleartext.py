"""Whoever answers in a server's place is never sent the password itself, unless a config says that it may be."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from engines import fake_servers
from engines.databases import Config, engines, refusal
from engines.fake_servers import Talk, listening, own_address
from trialstore.dialects.postgresql import PostgreSQLDialect
from trialstore.storage import ConfigError, ConnectError, SqlStorage

SECRET = "hunter2-geheim"
CLEAR = {"postgresql": fake_servers.postgresql, "mysql": fake_servers.mysql("mysql_clear_password")}


def config(drivername: str, address: str, at: int, **more: Any) -> Config:
    known = {"drivername": drivername, "database": "d", "username": "u", "password": SECRET}
    return {**known, "host": address, "port": at, "retry_timeout": 0, **more}


def public_key() -> bytes:
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography.hazmat.primitives import serialization

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@engines("postgresql", "mysql")
@pytest.mark.parametrize("several", [False, True], ids=["host", "hosts"])
def test_the_password_is_not_sent_in_clear(engine: str, several: bool) -> None:
    with listening(CLEAR[engine]) as fake:
        where: Config = {"hosts": [f"{own_address()}:{fake.port}"], "host": None, "port": None} if several else {}
        error = refusal(lambda: SqlStorage(config(engine, own_address(), fake.port, **where)))
    assert isinstance(error, ConnectError)
    assert "'allow_cleartext_password'" in error.hint
    assert "docs/config.md" in error.hint
    assert fake.received
    assert SECRET.encode() not in fake.heard


@engines("postgresql", "mysql")
def test_it_is_where_the_config_allows_that_or_this_machine_answers(engine: str) -> None:
    for host, more in ((own_address(), {"allow_cleartext_password": True}), ("127.0.0.1", {})):
        with listening(CLEAR[engine]) as fake:
            refusal(lambda host=host, more=more, fake=fake: SqlStorage(config(engine, host, fake.port, **more)))
        assert SECRET.encode() in fake.heard


@pytest.mark.engine("mysql")
@pytest.mark.parametrize("first", [False, True], ids=["switched", "at once"])
@pytest.mark.parametrize(
    "plugin", ["mysql_clear_password", "dialog", "mysql_old_password", "sha256_password", "caching_sha2_password"]
)
def test_no_plugin_sends_what_the_password_can_be_had_from(plugin: str, first: bool) -> None:
    sent = {}
    for allowed in (True, False):
        talk: Talk = fake_servers.mysql(plugin, public_key(), first=first)
        with listening(talk) as fake:
            more = {"allow_cleartext_password": allowed}
            error = refusal(lambda fake=fake, more=more: SqlStorage(config("mysql", own_address(), fake.port, **more)))
        sent[allowed] = fake.received[1:]  # after the name of the user
        if not allowed and sent[True]:
            assert "asks for the password itself" in error.message
    assert SECRET.encode() not in b"".join(sent[False])
    assert all(len(data) < 200 for data in sent[False])  # neither encrypted for the key that it sent
    if plugin == "mysql_old_password":
        assert sent[True] == []  # a scramble that anybody can undo
    if plugin in ("mysql_clear_password", "dialog") and not first:
        assert SECRET.encode() in b"".join(sent[True])
    if plugin.endswith("sha2_password"):
        assert any(len(data) > 200 for data in sent[True])


@pytest.mark.engine("postgresql")
def test_an_older_libpq_is_refused_a_password_that_it_could_tell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from psycopg import pq

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGPASSFILE", raising=False)
    known = [option for option in pq.Conninfo.get_defaults() if option.keyword != b"require_auth"]
    monkeypatch.setattr(pq.Conninfo, "get_defaults", lambda: known)

    def arguments(**more: Any) -> Any:
        return PostgreSQLDialect(config("postgresql", "192.0.2.1", 5432, **more)).engine_options()["connect_args"]

    with pytest.raises(ConfigError, match="libpq") as caught:
        arguments()
    assert "'allow_cleartext_password'" in caught.value.hint
    assert SECRET not in repr(caught.value)
    for fine in (
        {"password": None},
        {"allow_cleartext_password": True},
        {"host": "localhost"},
        {"host": "::1"},
        {"host": "/run/postgresql"},
        {"query": {"sslmode": "verify-full"}},
    ):
        assert "require_auth" not in arguments(**fine)
    (tmp_path / ".pgpass").write_text("x")
    with pytest.raises(ConfigError, match="libpq"):
        arguments(password=None)


@engines("postgresql", "mysql")
@pytest.mark.parametrize(
    "query",
    [
        {"postgresql": {"options": f"-c x.password={SECRET} -c datestyle=y"}},
        {"postgresql": {"options": f"--{SECRET}"}},
        {"postgresql": {"options": f"-c {SECRET}"}},
        {"postgresql": {"options": f"-c statement_timeout={SECRET}"}},
        {"postgresql": {"options": f"-c DateStyle='{SECRET}'"}},
        {"postgresql": {"sslmode": SECRET}},
        {"postgresql": {"keepalives_idle": SECRET}},
        {"postgresql": {"gssencmode": SECRET}},
        {"postgresql": {"target_session_attrs": SECRET}},
        {"postgresql": {"require_auth": SECRET}},
        {"postgresql": {"ssl_min_protocol_version": SECRET}},
        {"postgresql": {"password": SECRET}},
        {"mysql": {"ssl_cipher": SECRET}},
        {"mysql": {"ssl_verify_mode": SECRET}},
        {"mysql": {"ssl_ca": f"/{SECRET}"}},
    ],
    ids=str,
)
def test_what_the_query_says_is_in_no_error(engine: str, database: Any, query: dict[str, Config]) -> None:
    if engine not in query:
        pytest.skip(f"a query of {next(iter(query))}")
    error = refusal(lambda: SqlStorage(database.config(query=query[engine])))
    assert error.hint
    assert SECRET not in "".join(traceback.format_exception(error)) + repr(error)
