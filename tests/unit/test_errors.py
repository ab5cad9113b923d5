"""Errors: their families, their text, and that they survive pickling and copying."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

import trialstore.storage
from trialstore.dialects import errors
from trialstore.dialects.errors import ErrorKind, QueryError, StorageError, nearest
from trialstore.sql.catalogue import CatalogueError
from trialstore.storage import UnknownTunable
from trialstore.storage.cli.exit_codes import BROKEN, ERROR, SchemaCommands


def family(cls: type[StorageError]) -> list[type[StorageError]]:
    """A class and all that derive from it, in the package."""
    found = [cls, *(below for child in cls.__subclasses__() for below in family(child))]
    return sorted({each for each in found if each.__module__.startswith("trialstore")}, key=lambda each: each.__name__)


ALL = family(StorageError)
WAYS: list[Callable[[Any], Any]] = [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy]


def test_every_class_is_looked_at() -> None:
    assert {CatalogueError, UnknownTunable, errors.LeaseLost, errors.Busy} <= set(ALL)


@pytest.mark.parametrize("way", WAYS, ids=["pickle", "copy", "deepcopy"])
@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_an_error_comes_through_whole(cls: type[StorageError], way: Callable[[Any], Any]) -> None:
    extra = (ErrorKind.DEADLOCK,) if issubclass(cls, QueryError) else ()
    error = cls("What happened.", "What to do.", *extra)
    twin = way(error)
    assert type(twin) is cls
    assert (twin.message, twin.hint) == ("What happened.", "What to do.")
    assert (twin.args, str(twin), repr(twin)) == (error.args, str(error), repr(error))
    assert getattr(twin, "kind", None) is getattr(error, "kind", None)


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_text_is_the_message_then_the_hint(cls: type[StorageError]) -> None:
    assert str(cls("What happened.", "What to do.")) == "What happened. Hint: What to do."
    assert str(cls("What happened.")) == "What happened."
    assert cls("What happened.").hint == ""


def test_families() -> None:
    assert issubclass(errors.ConfigError, StorageError)
    assert issubclass(errors.ConnectError, StorageError)
    for cls in (errors.SchemaMissing, errors.SchemaTooOld, errors.SchemaTooNew, errors.SchemaDrift):
        assert issubclass(cls, errors.SchemaError)
    for cls in (
        errors.MigrationFileInvalid,
        errors.MigrationChecksumMismatch,
        errors.MigrationLocked,
        errors.MigrationIncomplete,
        errors.MigrationBlocked,
        errors.MigrationFailed,
    ):
        assert issubclass(cls, errors.MigrationError)
    for query in (errors.ValueRejected, errors.PermissionDenied, errors.Busy, errors.DuplicateKey):
        assert issubclass(query, errors.QueryError)
    for trial in (errors.AlreadyCompleted, errors.TrialMissing, errors.ExperimentMissing, errors.LeaseLost):
        assert issubclass(trial, errors.TrialError)
    assert issubclass(errors.ValueRejected, ValueError)
    assert issubclass(errors.AlreadyCompleted, RuntimeError)
    assert issubclass(errors.TrialMissing, LookupError)


NOT_BROKEN = {
    *(errors.SchemaError, errors.MigrationError, errors.SchemaMissing, errors.SchemaTooOld),
    *(errors.MigrationBlocked, errors.MigrationFailed, errors.MigrationLocked),
}
"""Errors about a schema that is not broken, after which `trialstore schema` ends with 1; after all others with 4."""


@pytest.mark.parametrize("cls", family(errors.SchemaError), ids=lambda cls: cls.__name__)
def test_an_error_about_the_schema_says_by_the_exit_code_whether_that_is_broken(cls: type[StorageError]) -> None:
    group = SchemaCommands("schema")

    @group.command("fail")
    def fail() -> None:
        raise cls("What happened.", "What to do.")

    result = CliRunner().invoke(group, ["fail"])
    assert result.exit_code == (ERROR if cls in NOT_BROKEN else BROKEN)


def test_the_storage_package_re_exports_every_error_of_the_ground_floor() -> None:
    ground = {cls.__name__ for cls in ALL if cls.__module__ == errors.__name__}
    assert ground <= set(trialstore.storage.__all__)
    assert all(getattr(trialstore.storage, name) is getattr(errors, name) for name in ground)


def test_a_query_error_without_a_kind_is_of_another_kind() -> None:
    assert QueryError("x").kind is ErrorKind.OTHER


def test_only_what_the_database_has_certainly_undone_is_run_again() -> None:
    undone = {ErrorKind.BUSY, ErrorKind.ENDED, ErrorKind.DEADLOCK, ErrorKind.DISCONNECTED}
    assert {kind for kind in ErrorKind if kind.retryable} == undone


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("databse", ["database", "port"], "Did you mean 'database'?"),
        ("zzz", ["database", "port"], "Known: database, port."),
        ("zzz", [], ""),
    ],
)
def test_nearest_names_the_one_that_was_meant_or_all(name: str, known: list[str], hint: str) -> None:
    assert nearest(name, known) == hint


def test_no_hint_names_more_than_twenty() -> None:
    names = [f"zz{number:03}" for number in range(501)]
    first = ", ".join(names[:20])
    assert nearest("q", names) == f"Known: {first} and 481 more."
    assert nearest("q", names[:20]) == f"Known: {first}."
