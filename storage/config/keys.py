"""The config dict of a storage: which keys there are, of which types, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from trialstore.dialects.base import Dialect, Option
from trialstore.dialects.errors import ConfigError, ValueRejected, listed, nearest, shown
from trialstore.dialects.registry import URL_NAMES, dialect_class, known_backends
from trialstore.dialects.text import clean
from trialstore.storage.values.checks import check_name
from trialstore.storage.values.encoding import is_storable, python_value
from trialstore.storage.values.rows import Row, param_rows

# int() refuses very long texts; no key takes a number of more digits.
_WHOLE = re.compile(r"[0-9]{1,30}")
_NUMBER = re.compile(r"(?:[0-9]{1,30}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")

SCHEMA_POLICIES = ("update", "create", "verify")

# Keys of sqlalchemy.URL.create(), then our own. The engine adds its own options to these.
_KEYS: dict[str, Option] = {
    "drivername": Option(None, (str,)),
    "database": Option(None, (str,)),
    "username": Option(None, (str,)),
    "password": Option(None, (str,)),
    "host": Option(None, (str,)),
    "port": Option(None, (int,)),
    "query": Option(None, (Mapping,)),
    "log_sql": Option(False, (bool,)),
    "lazy_schema_create": Option(False, (bool,)),
    "schema_policy": Option(None, (str,), SCHEMA_POLICIES),
    "retry_timeout": Option(60.0, (int, float), least=0, most=86_400),
    "context": Option(True, (bool, Mapping)),
}

LONGEST_CONTEXT_TEXT = 1_024
"""Most characters of a value of a context."""
_MOST_CONTEXT_VALUES = 100


@dataclass(frozen=True)
class StorageConfig:
    """A checked config: what the storage needs, and the dialect bound to its settings. Its repr shows no secret."""

    drivername: str
    database: str
    log_sql: bool
    lazy_schema_create: bool
    schema_policy: str
    retry_timeout: float
    dialect: Dialect = field(repr=False)
    context: tuple[Row, ...] | None = field(repr=False)
    """What the harness adds to what trials run on; None where that is not to be stored at all."""

    @property
    def schema(self) -> str | None:
        """The schema that the config names, if any."""
        name: str | None = self.dialect.settings.get("schema")
        return name

    @property
    def label(self) -> str:
        """`backend:database`, and the schema if the config names one, for reprs and logs: no host, no user, no secret,
        no control characters."""
        schema = "" if self.schema is None else f".{self.schema}"
        return clean(f"{self.drivername.partition('+')[0]}:{self.database}{schema}")


def known_keys(drivername: object) -> Mapping[str, Option]:
    """The keys that a config may have: those of the engine too, where there is one of that name."""
    try:
        return {**_KEYS, **dialect_class(str(drivername)).options}
    except ConfigError:  # which the storage itself will report
        return _KEYS


def from_text(text: str, option: Option) -> Any:
    """What a text of the environment stands for, by the types that the key takes; None where it is none of them.

    A list is written with commas.
    """
    text = text.strip()
    if str in option.types:
        return text
    if bool in option.types:
        return {"true": True, "false": False}.get(text.lower())
    if list in option.types:
        return [part.strip() for part in text.split(",")] if text else None
    if float in option.types:
        return float(text) if _NUMBER.fullmatch(text) else None
    return int(text) if int in option.types and _WHOLE.fullmatch(text) else None


def check_config(config: Mapping[str, Any]) -> StorageConfig:
    """Check a config dict and pick its dialect.

    Raises ConfigError for an unknown key (naming the nearest known one), a wrong type, an unknown engine or a missing
    driver.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(
            f"The config is a {type(config).__name__}, not a dict.", "Give at least 'drivername' and 'database'."
        )
    drivername = config.get("drivername")
    if drivername is None:
        unknown = next((key for key in config if key not in _KEYS), None)
        hint = f"Is it {unknown!r} misspelt?" if unknown else f"Known engines: {listed(known_backends(), str)}."
        raise ConfigError("config.drivername is missing.", hint)
    drivername = _checked("drivername", drivername, _KEYS["drivername"])
    if "://" in drivername:  # not shown: it may hold a password
        raise ConfigError("config.drivername is a URL, not an engine's or driver's name.", "Use config_from_url().")
    cls = dialect_class(drivername)
    known = {**_KEYS, **cls.options}
    settings = {}
    for given, value in config.items():
        key = python_value(given)
        if key == "schema" and key not in known and value is not None:
            raise ConfigError(
                f"config.schema: {drivername.partition('+')[0]} has no schemas within a database to choose from.",
                "Leave it out; for another store, name another 'database'.",
            )
        if type(key) is not str or key not in known:
            raise ConfigError(f"config.{key if type(key) is str else shown(key)}: unknown key.", nearest(key, known))
        if value is not None:
            settings[key] = _checked(key, value, known[key])
    _check_query(settings.get("query"))
    dialect = cls(settings)
    return StorageConfig(
        drivername=drivername,
        database=settings.get("database") or "",
        log_sql=settings.get("log_sql", False),
        lazy_schema_create=settings.get("lazy_schema_create", False),
        schema_policy=settings.get("schema_policy", cls.default_policy),
        retry_timeout=float(settings.get("retry_timeout", _KEYS["retry_timeout"].default)),
        dialect=dialect,
        context=_context(settings.get("context", True), dialect.id_length),
    )


def config_from_url(url: str) -> dict[str, Any]:
    """The config dict for a URL such as `postgresql+psycopg://user:secret@host/database`, or `postgres://…`.

    Options of ours (`schema_policy`, …) are not part of a URL; its query is handed to the driver. Raises ConfigError.
    """
    parsed = None
    plain = python_value(url)
    if type(plain) is str or isinstance(plain, URL):
        with suppress(ArgumentError, ValueError):
            parsed = make_url(plain)
    if parsed is None:  # raised out here, so that the other error, whose text holds the URL, is in no chain
        raise ConfigError("The URL cannot be read.", "Write it as engine://user:password@host:port/database.")
    config = {
        "drivername": URL_NAMES.get(parsed.drivername, parsed.drivername),
        "database": parsed.database,
        "username": parsed.username,
        "password": None if parsed.password is None else str(parsed.password),
        "host": parsed.host,
        "port": parsed.port,
        "query": dict(parsed.query) or None,
    }
    return {key: value for key, value in config.items() if value is not None}


def with_context(config: Any, context: Mapping[str, Any] | None) -> Any:
    """The config with these values added to its own `context`, unless that is false; all is checked by
    `check_config`."""
    if context is None:
        return config
    if not isinstance(context, Mapping):
        raise ConfigError(f"context is of type {type(context).__name__}.", "Give a dict {name: value}.")
    own = config.get("context") if isinstance(config, Mapping) else None
    if isinstance(own, Mapping):
        return {**config, "context": {**own, **context}}
    return {**config, "context": context} if isinstance(config, Mapping) and own in (None, True) else config


def _context(given: bool | Mapping[str, Any], id_length: int) -> tuple[Row, ...] | None:
    """The rows of what is added. Raises ConfigError for what is no name, or no value of JSON that is short enough."""
    if isinstance(given, bool):
        return () if given else None
    try:
        for name in given:
            check_name(name, "config.context: a name", id_length)
        rows = param_rows(given, "config.context", id_length)
    except ValueRejected as exc:
        raise ConfigError(exc.message, exc.hint) from None
    if len(rows) > _MOST_CONTEXT_VALUES:
        raise ConfigError(f"config.context has {len(rows)} values.", f"At most {_MOST_CONTEXT_VALUES} fit.")
    for row in rows:
        if len(row.text or "") > LONGEST_CONTEXT_TEXT:
            raise ConfigError(
                f"config.context {row.name!r}: the value has {len(row.text or '')} characters.",
                f"At most {LONGEST_CONTEXT_TEXT} fit.",
            )
    return tuple(rows)


def _check_query(query: Mapping[str, Any] | None) -> None:
    for key, value in (query or {}).items():
        texts = value if isinstance(value, (list, tuple)) else [value]
        if not all(isinstance(text, str) for text in (key, *texts)):
            raise ConfigError(f"config.query: {key!r} is of type {type(value).__name__}.", "Give text, as in a URL.")


def _checked(key: str, value: Any, option: Option) -> Any:
    """The value as a plain one."""
    value = python_value(value)
    wrong_bool = isinstance(value, bool) and bool not in option.types  # bool is an int to isinstance
    if wrong_bool or not isinstance(value, option.types):
        expected = " or ".join("dict" if kind is Mapping else kind.__name__ for kind in option.types)
        raise ConfigError(f"config.{key} is of type {type(value).__name__}.", f"Give {expected}.")
    if type(value) is str and not is_storable(value):
        raise ConfigError(f"config.{key} holds a NUL character or half a surrogate pair.", "Leave such characters out.")
    if option.choices and value not in option.choices:
        raise ConfigError(f"config.{key}: unknown value {shown(value)}.", nearest(value, option.choices))
    if option.least is not None and isinstance(value, (int, float)) and not value >= option.least:
        raise ConfigError(f"config.{key} is less than {option.least}.", f"Give {option.least} or more.")
    if option.most is not None and isinstance(value, (int, float)) and value > option.most:
        raise ConfigError(f"config.{key} is more than {option.most}.", f"Give {option.most} or less.")
    return value
