"""MySQL's groups: nodes come and go, one primary or each node takes writes, conflicts are told at the commit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from servers import group, registry
from servers.errors import ServerMissing
from servers.group import Group
from servers.load import TABLE

CONFLICTS, READ_ONLY = (3101, 1180, 1213), 1290
"""A conflict is told as such, as a commit that failed, or, where the other write came first, as a deadlock."""


@pytest.fixture
def with_primary() -> Iterator[Group]:
    """The group with one primary of all tests of this process, complete before and after each one."""
    shared = group.require()
    yield shared
    shared.complete()


@pytest.fixture
def primaries() -> Iterator[Group]:
    """The group of primaries of all tests of this process."""
    shared = group.require(of_primaries=True)
    yield shared
    shared.complete()


def numbers(shared: Group, node: int, database: str) -> set[int]:
    """What is in the table, as one node tells that has all that was committed before."""
    shared.catch_up()
    return {row[0] for row in shared.nodes[node].admin("SELECT i FROM numbers", database=database)}


def test_one_takes_writes_and_another_one_when_it_is_killed(with_primary: Group) -> None:
    name = with_primary.create_database()
    first = with_primary.primary
    first.admin(TABLE, database=name)
    first.admin("INSERT INTO numbers VALUES (1)", database=name)
    with_primary.catch_up()
    for node in with_primary.nodes:
        assert sorted(node.members().values()) == [("ONLINE", "PRIMARY"), *[("ONLINE", "SECONDARY")] * 2]
        if node is not first:
            with pytest.raises(pymysql.OperationalError) as caught:
                node.admin("INSERT INTO numbers VALUES (2)", database=name)
            assert caught.value.args[0] == READ_ONLY
    pid = first.pid
    with_primary.kill(first.number)
    assert not Path(f"/proc/{pid}").exists()
    with_primary.wait_for_size(2)
    with_primary.primary.admin("INSERT INTO numbers VALUES (3)", database=name)
    with_primary.rejoin(first.number)
    # At once: it does not belong to the group before it has all.
    assert first.admin("SELECT i FROM numbers ORDER BY i", database=name) == [(1,), (3,)]
    assert not first.primary
    with_primary.drop_database(name)


def test_a_conflict_is_told_at_the_commit(primaries: Group) -> None:
    name = primaries.create_database()
    primaries.nodes[0].admin(TABLE, database=name)
    primaries.catch_up()
    with primaries.nodes[0].session(name) as first, primaries.nodes[1].session(name) as second:
        for execute in (first, second):
            execute("BEGIN")
            execute("INSERT INTO numbers VALUES (7)")  # nobody waits for the other one
        first("COMMIT")
        with pytest.raises(pymysql.MySQLError) as caught:
            second("COMMIT")
        assert caught.value.args[0] in CONFLICTS
        assert second("SELECT 1") == [(1,)]  # the connection is as good as before
    assert numbers(primaries, 1, name) == {7}
    primaries.drop_database(name)


@pytest.mark.parametrize("ci, outcome", [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_missing_group(ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    def programs() -> None:
        raise ServerMissing("program mysqld of MySQL is not found")

    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(registry, "_kept", {})
    monkeypatch.setattr(group, "programs", programs)
    with pytest.raises(outcome, match=r"NOT TESTED ON mysql-group: .* is not found"):
        group.require()
