"""Logins to MySQL and MariaDB: TLS, and to whom the driver may send a password.

The server chooses how a user logs in, and whoever answers in its place can ask for the password itself: in clear, in an
encryption that is broken, or encrypted with a key that it sends first. The driver would send it, even without TLS.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from .errors import ConfigError
from .server import is_this_machine

# What the driver takes for TLS (any of these demands TLS).
TLS_KEYS = ("ssl_ca", "ssl_capath", "ssl_cert", "ssl_key", "ssl_cipher", "ssl_check_hostname", "ssl_verify_mode")
# Of TLS_KEYS, those that are no names of files.
_TLS_CHOICES = {
    "ssl_check_hostname": ("true", "false", "1", "0"),
    "ssl_verify_mode": ("none", "optional", "required"),
}
_YES = ("true", "1")
REFUSED = 2061  # CR_AUTH_PLUGIN_ERR
# Ways to log in that send what the password can be had from; PAM's is called "dialog".
_PASSWORD_ITSELF = ("mysql_clear_password", "dialog", "sha256_password")
_OLD = "mysql_old_password"  # a scramble that can be undone, and that the driver does not know any more
_CACHED = "caching_sha2_password"  # a scramble of the password, or where the server does not know that yet, itself
_NO_KEY = b"none"  # that a password could be encrypted for


def check_tls(query: Mapping[str, Any]) -> None:
    """Raise ConfigError for TLS keys with unknown values, and for those that others make ineffective."""
    for key, choices in _TLS_CHOICES.items():
        if query.get(key, choices[0]) not in choices:
            raise ConfigError(f"config.query: {key!r} has an unknown value.", f"Give one of {', '.join(choices)}.")
    authorities = [key for key in ("ssl_ca", "ssl_capath") if key in query]
    names_checked, verified = query.get("ssl_check_hostname"), query.get("ssl_verify_mode")
    if verified == "none":
        ignored = [*authorities, *(["ssl_check_hostname"] if names_checked in _YES else [])]
        hint = "Leave out 'ssl_verify_mode', which says that nothing is to be checked."
    else:
        ignored = [
            key for key in ("ssl_check_hostname", "ssl_verify_mode") if query.get(key) not in (None, "false", "0")
        ]
        ignored = [] if authorities else ignored
        hint = "Name in 'ssl_ca' the certificates to check the server's by."
    if ignored:
        raise ConfigError(f"config.query: {ignored[0]!r} has no effect like that.", hint)
    if "ssl_key" in query and "ssl_cert" not in query:
        raise ConfigError("config.query: 'ssl_key' has no effect without 'ssl_cert'.", "Name the certificate as well.")


def tls_arguments(query: Mapping[str, str]) -> dict[str, Any]:
    """The driver's argument `ssl`, where the query names a key for TLS."""
    tls: dict[str, Any] = {key.removeprefix("ssl_"): query[key] for key in TLS_KEYS if key in query}
    if "check_hostname" in tls:  # text of a URL as the truth value that the driver expects
        tls["check_hostname"] = tls["check_hostname"] in _YES
    if tls.get("verify_mode") == "none":
        tls["check_hostname"] = False
    return {"ssl": tls} if tls else {}


def guarded_logins(*, in_clear: bool) -> dict[str, Callable[[Any], _Guarded]]:
    """The driver's argument `auth_plugin_map`. Unless `in_clear`, no password is sent over a connection that others
    could read, or on which others could pose as the server."""
    guarded = () if in_clear else (*_PASSWORD_ITSELF, _CACHED)
    return {name: functools.partial(_Guarded, name) for name in (*guarded, _OLD)}


class _Guarded:
    """A plugin that the driver calls to log in by one of the server's methods."""

    def __init__(self, name: str, connection: Any) -> None:
        self._name = name
        self._connection = connection

    def authenticate(self, packet: Any) -> Any:
        """Go on with the login; raises the driver's OperationalError where the password itself would be sent."""
        connection = self._connection
        # The driver has no public names for whether TLS protects its connection, and for the address at its other end.
        private = connection._secure or is_this_machine(connection._sock.getpeername()[0])  # noqa: SLF001
        if self._name == _OLD:
            raise _refusal(self._name)
        if connection.password and not private:
            if self._name != _CACHED:
                raise _refusal(self._name)
            # The scramble needs no key. Otherwise this keeps the driver from using a key that anybody may have sent.
            connection.server_public_key = _NO_KEY
        try:
            return self._go_on(packet)
        except ValueError:  # of the key
            if connection.server_public_key is not _NO_KEY:
                raise
        raise _refusal(self._name)

    def _go_on(self, packet: Any) -> Any:
        """As the driver does it by itself."""
        if packet.is_auth_switch_request() or self._name in ("dialog", "mysql_clear_password"):
            return self._connection._process_auth(self._name.encode(), packet)  # noqa: SLF001
        own = importlib.import_module("pymysql._auth")
        return getattr(own, f"{self._name}_auth")(self._connection, packet)


def _refusal(name: str) -> Exception:
    error: type[Exception] = importlib.import_module("pymysql.err").OperationalError
    return error(REFUSED, f"the server asks for the password itself ({name}), and anybody could read it on the way")
