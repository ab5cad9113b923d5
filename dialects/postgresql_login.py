"""Logins to PostgreSQL: which keys of `query` have an effect, and to whom libpq may send a password.

The server chooses how a user logs in, and whoever answers in its place can ask for the password in clear. libpq would
send it, even without TLS, unless it is told which methods to accept.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .server import SAFE_LOGIN, ServerDialect, is_this_machine

# What the config says elsewhere, what the library itself must choose, and what libpq passes over in silence.
_NOT_IN_QUERY = {
    "user": "Give 'username' in the config.",
    "password": "Give 'password' in the config.",
    "dbname": "Give 'database' in the config.",
    "client_encoding": "It is always UTF-8.",
    "replication": "Leave it out: a replication connection runs no queries.",
    "sslcompression": "Leave it out: no server compresses that way any more.",
}
_TLS = ("require", "verify-ca", "verify-full")
# Which need TLS to have any effect; the first two need a mode that demands a certificate, too.
_NEED_TLS = ("sslrootcert", "sslcrl", "sslcrldir")
_REQUIRE_AUTH = "require_auth"
NOT_IN_CLEAR = "!password"


def check_query(dialect: ServerDialect) -> None:
    """Raise ConfigError for a key of `query` that is not known, or would have no effect."""
    defaults, query, settings = _defaults(), dialect.query, dialect.settings
    dialect.check_query([key for key in defaults if key not in _NOT_IN_QUERY or key in query])
    for key in query:
        if key in _NOT_IN_QUERY:
            raise ConfigError(f"config.query: {key!r} is not for 'query'.", _NOT_IN_QUERY[key])
    for key in ("host", "port", "connect_timeout"):
        if key in query and (settings.get(key) not in (None, "") or (dialect.hosts and key != "connect_timeout")):
            raise ConfigError(f"config.{key}: 'query' has a {key!r}, too.", "Give it once.")
    if "passfile" in query and settings.get("password"):
        raise ConfigError("config.query: 'passfile' has no effect beside 'password'.", "Give one of the two.")
    mode = query.get("sslmode", defaults.get("sslmode"))
    for key in _NEED_TLS:
        if key in query and mode not in _TLS:
            raise ConfigError(
                f"config.query: {key!r} checks nothing while 'sslmode' is {mode!r}.", "Set 'sslmode' to 'verify-full'."
            )
    for key in query:
        if mode == "disable" and key.startswith("ssl") and key != "sslmode":
            raise ConfigError(f"config.query: {key!r} has no effect without TLS.", "Set 'sslmode' to 'verify-full'.")


def login_arguments(dialect: ServerDialect) -> dict[str, str]:
    """What libpq gets beside the settings: it must not send a clear-text password where others could listen.

    Raises ConfigError where libpq is too old for that, and might know a password.
    """
    defaults = _defaults()
    named = {**defaults, **dialect.query}
    if dialect.option("allow_cleartext_password") or named.get("sslmode") in _TLS or named.get(_REQUIRE_AUTH):
        return {}
    if all(map(is_this_machine, _hosts(dialect, named))):
        return {}
    if _REQUIRE_AUTH in defaults:
        return {_REQUIRE_AUTH: NOT_IN_CLEAR}
    files = [named.get("passfile") or Path.home() / ".pgpass"]
    if dialect.settings.get("password") or named.get("password") or any(Path(file).exists() for file in files):
        raise ConfigError("This libpq, older than version 16, gives the password to any server that asks.", SAFE_LOGIN)
    return {}


def _hosts(dialect: ServerDialect, named: Mapping[str, Any]) -> list[str]:
    if dialect.hosts:
        return [host for host, _ in dialect.hosts]
    if "service" in dialect.query:  # a file of libpq's names the host
        return [named["service"]]
    given = [dialect.settings.get("host") or named.get("host") or "", named.get("hostaddr") or ""]
    listed = [host for each in given for host in ([each] if isinstance(each, str) else each)]
    return [host for each in listed for host in each.split(",")]


def _defaults() -> dict[str, str | None]:
    """The keys that libpq knows, and what the environment or libpq itself says of each."""
    from psycopg import pq

    found = {option.keyword.decode(): option.val or option.compiled for option in pq.Conninfo.get_defaults()}
    return {key: None if value is None else value.decode() for key, value in found.items()}
