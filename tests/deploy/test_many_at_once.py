"""Ten processes that apply the schema at the same moment: it is applied once, and none of them fails."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.applying import apply
from processes.helpers import together
from trialstore.contract.helpers import bare, migrate_to
from trialstore.storage.schema.deployment import verify_schema

PROCESSES = 10


# DuckDB is left out by the fixture: only one process can open its file.
@pytest.mark.parametrize("behind", [0, 4], ids=["empty", "behind"])
def test_ten_processes_apply_at_once(process_config: dict[str, Any], behind: int) -> None:
    config = {**process_config, "schema_policy": "update"}
    if behind:
        migrate_to(config, behind)
    told = together(apply, [(config,)] * PROCESSES)
    with bare(config) as storage:
        newest = len(storage.database.migrator.migrations)
        assert sorted(version for versions in told for version in versions) == list(range(behind + 1, newest + 1))
        assert verify_schema(storage.database).differences == ()
