"""Storage configs from JSON5 files: reading them, and replacing `$NAME` references."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from trialstore.dialects.base import Option
from trialstore.dialects.errors import ConfigError, nearest, shown
from trialstore.storage.values.encoding import python_value

from .keys import from_text, known_keys

_CLASSES = (
    "trialstore.storage.SqlStorage",
    "trialstore.storage.sql_storage.SqlStorage",
    "trialstore.storage.mlos_bench.SqlStorage",
    "mlos_bench.storage.sql.storage.SqlStorage",
)
_TOP_LEVEL_KEYS = ("$schema", "class", "config", "description")

_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_WHOLE_REFERENCE = re.compile(rf"\$(?:({_IDENTIFIER})|\{{({_IDENTIFIER})\}})")
# An escaped dollar, a reference, or the start of a reference that is not well formed.
_DOLLAR = re.compile(rf"\$\$|\$({_IDENTIFIER})|\$\{{({_IDENTIFIER})\}}|\$\{{")
# A character beyond U+FFFF as JSON escapes it, or any other escape sequence.
_ESCAPE = re.compile(r"\\(?:u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|.)", re.IGNORECASE | re.DOTALL)


def load_config(config: str | os.PathLike[str], global_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of a storage from a JSON5 file, or from JSON5 text that starts with `{`.

    In text values `$NAME` and `${NAME}` are replaced from `global_config`, then from the environment; `$$` is a dollar.
    A value that is a reference and nothing else takes the type of what replaces it. Passwords are replaced only as a
    whole, and taken as they stand otherwise; one that begins with `$` is written with `$$` there.
    Raises `ConfigError` naming the file and the key or line, never a value.
    """
    where = describe(config)
    document = read_object(config, where)
    if "class" in document or "config" in document:
        settings = _settings(document, where)
    elif "drivername" in document:
        settings = document
    else:
        raise ConfigError(
            f'{where} has neither "config" nor "drivername".',
            f'Write {{"class": "{_CLASSES[0]}", "config": {{"drivername": ...}}}}.',
        )
    driver = settings.get("drivername")
    known = known_keys(_Expansion("drivername", where, global_config, {}).expand(driver))
    return {key: _Expansion(key, where, global_config, known).expand(value) for key, value in settings.items()}


def _settings(document: dict[str, Any], where: str) -> dict[str, Any]:
    for key in document:
        if key not in _TOP_LEVEL_KEYS:
            raise ConfigError(f"{where}: unknown key {key!r} beside the config.", nearest(key, _TOP_LEVEL_KEYS))
    if document.get("class") not in _CLASSES:
        raise ConfigError(f'{where}: key "class" must be "{_CLASSES[0]}".', "No other storage can be opened here.")
    settings = document.get("config")
    if not isinstance(settings, dict):
        raise ConfigError(f'{where}: key "config" must be an object.')
    return settings


class _Expansion:
    """Replaces the references in one value of a config; `key` is its path, such as `query.sslmode`."""

    def __init__(self, key: str, where: str, global_config: Mapping[str, Any], known: Mapping[str, Option]) -> None:
        self._key = key
        self._where = where
        self._global_config = global_config
        self._known = known

    def expand(self, value: object) -> Any:
        if isinstance(value, dict):
            return {name: self._below(name).expand(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.expand(item) for item in value]
        if not isinstance(value, str):
            return value
        if whole := _WHOLE_REFERENCE.fullmatch(value):
            return self._look_up(whole[1] or whole[2])
        if self._is_secret():
            # Generated passwords contain dollars; and an error about a part of one would show that part.
            return value[1:] if value.startswith("$$") else value
        return _DOLLAR.sub(self._replace, value)

    def _below(self, name: str) -> _Expansion:
        return _Expansion(f"{self._key}.{name}", self._where, self._global_config, self._known)

    def _is_secret(self) -> bool:
        name = self._key.rpartition(".")[2].lower()
        return "password" in name or "passwd" in name

    def _replace(self, match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name = match[1] or match[2]
        if not name:
            raise ConfigError(
                f'{self._where}: key "{self._key}" has a "${{" that begins no ${{NAME}}.',
                'Write "$$" for a dollar that is meant as such.',
            )
        return str(self._look_up(name, convert=False))

    def _look_up(self, name: str, *, convert: bool = True) -> Any:
        option = self._known.get(self._key) if convert else None
        if name in self._global_config:
            value = python_value(self._global_config[name])
            # What harnesses read from their command lines is text, too.
            read = None if option is None or not isinstance(value, str) else from_text(value, option)
            return value if read is None or option is None or str in option.types else read
        if name not in os.environ:
            raise ConfigError(
                f'{self._where}: key "{self._key}" refers to the variable {name}, which is not set.',
                f'Set it in the environment or in a global config, or write "$${name}" if the dollar is meant as such.',
            )
        text = os.environ[name]
        if option is None or str in option.types:
            return text
        value = from_text(text, option)
        if value is None:
            kind = next((_KINDS[each] for each in _KINDS if each in option.types), "an object of the file")
            raise ConfigError(f'{self._where}: key "{self._key}" needs {kind}, and the variable {name} holds none.')
        return value


# The types, other than text, that the text of an environment variable is read as.
_KINDS = {bool: "true or false", float: "a number", int: "a whole number", list: "texts with commas between"}


def is_text(config: str | os.PathLike[str]) -> bool:
    """Whether that is JSON5 text itself, not the path of a file."""
    return isinstance(config, str) and config.lstrip("\ufeff \t\r\n").startswith("{")


def describe(config: str | os.PathLike[str]) -> str:
    """Return the source's name for errors; what might be a config or a URL is not repeated: it may hold a password."""
    if is_text(config):
        return "The config text"
    name: Any = None
    with suppress(Exception):  # of objects that are no paths, though they say so
        name = os.fspath(config)
    if type(name) is not str:
        raise ConfigError(f"The config is of type {type(config).__name__}.", "Give the path of a file, or JSON5 text.")
    if isinstance(config, str) and ("://" in name or not name.isprintable() or set(name) & set('{["')):
        return "The config given"
    return f"Config file {shown(name)}"


def read_object(config: str | os.PathLike[str], where: str) -> dict[str, Any]:
    """The object in a JSON5 file or text, as it stands; `where` names it in errors. Raises `ConfigError`."""
    import json5

    text = config if isinstance(config, str) and is_text(config) else _read_file(config, where)
    try:
        document = json5.loads(_ESCAPE.sub(_join_surrogates, text))
    except RecursionError:
        raise ConfigError(f"{where} is nested too deeply.") from None
    except ValueError as error:
        # The parser's message quotes the text around the fault, which may be a part of a password.
        found = re.match(r"[^\n]*?:([0-9]+) (?:.* at column ([0-9]+)$)?", str(error), re.DOTALL)
        at = "" if not found else f": see line {found[1]}" + (f", column {found[2]}" if found[2] else "")
        raise ConfigError(f"{where} is not valid JSON5{at}.", "Fix the syntax there.") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{where} must hold a JSON5 object.", 'The text must begin with "{".')
    return document


def _join_surrogates(match: re.Match[str]) -> str:
    # json5 leaves such a pair as two halves, which no database takes.
    if not match[1]:
        return match[0]
    return chr(0x10000 + (int(match[1], 16) - 0xD800) * 0x400 + int(match[2], 16) - 0xDC00)


def _read_file(config: str | os.PathLike[str], where: str) -> str:
    if isinstance(config, str) and "://" in config:
        raise ConfigError(
            f"{where} is a URL, and the path of a JSON5 file or JSON5 text is needed.",
            "trialstore.storage.config_from_url() makes a config of a URL.",
        )
    try:
        return Path(config).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{where} does not exist.", "Give a path, or JSON5 text that begins with '{'.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{where} is not UTF-8 text.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is not a valid file name"
        raise ConfigError(
            f"{where} cannot be read: {reason}.", "Give the path of a JSON5 file, or JSON5 text."
        ) from None
