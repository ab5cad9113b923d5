"""What must be true of the shared experiment after any number of processes wrote to it, however they ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from processes.helpers import assert_sound, make_experiment, rows
from processes.workers import POINTS, STAGES, metadata_of, results_of, telemetry_of, tunables_of
from trialstore.storage import SqlStorage

# One row a trial: how far it came, and how much of each part is there. Written past the library.
_PARTS = """
SELECT
    t.trial_id, t.status, t.ts_end IS NOT NULL,
    (SELECT count(*) FROM config_param AS c WHERE c.config_id = t.config_id),
    (SELECT count(*) FROM trial_param AS p WHERE p.trial_id = t.trial_id),
    (SELECT count(*) FROM trial_telemetry AS m WHERE m.trial_id = t.trial_id),
    (SELECT count(*) FROM trial_result AS r WHERE r.trial_id = t.trial_id),
    (
        SELECT group_concat(status, ' ')
        FROM (SELECT s.status FROM trial_status AS s WHERE s.trial_id = t.trial_id ORDER BY s.ts)
    )
FROM trial AS t
ORDER BY t.trial_id
"""
# A config that a killed process left without its values would be taken for whole by the next one that needs it.
_HALF_CONFIGS = """
SELECT c.config_id, count(p.param_id)
FROM config AS c
LEFT JOIN config_param AS p ON p.config_id = c.config_id
GROUP BY c.config_id
HAVING count(p.param_id) <> 3
"""
_METADATA = len(metadata_of(0))
_RESULTS = len(results_of(0))

# What a trial consists of after each stage, and after nothing else.
WHOLE = {
    ("PENDING", 0, 3, _METADATA, 0, 0, None): "new",
    ("RUNNING", 0, 3, _METADATA, 0, 0, "RUNNING"): "running",
    ("RUNNING", 0, 3, _METADATA, POINTS, 0, "RUNNING RUNNING"): "telemetry",
    ("SUCCEEDED", 1, 3, _METADATA, POINTS, _RESULTS, "RUNNING RUNNING SUCCEEDED"): "done",
}


def stages(path: Path) -> dict[int, str]:
    """How far each trial came. Fails for a file that is damaged, and for a trial of which a step is there in part."""
    assert_sound(path)
    assert rows(path, _HALF_CONFIGS) == []
    found = {row[0]: row[1:] for row in rows(path, _PARTS)}
    assert {trial_id: parts for trial_id, parts in found.items() if parts not in WHOLE} == {}
    assert list(found) == list(range(1, len(found) + 1))
    return {trial_id: WHOLE[parts] for trial_id, parts in found.items()}


def assert_kept(path: Path, acknowledged: dict[int, str]) -> dict[int, str]:
    """All that was acknowledged is there, and beyond it at most the one step that was under way; the stages found."""
    found = stages(path)
    ahead = 0
    for trial_id in found.keys() | acknowledged.keys():
        known = STAGES.index(acknowledged[trial_id]) if trial_id in acknowledged else -1
        assert trial_id in found, f"trial {trial_id} was acknowledged and is lost"
        assert STAGES.index(found[trial_id]) >= known, f"trial {trial_id} was acknowledged as {acknowledged[trial_id]}"
        ahead += STAGES.index(found[trial_id]) - known
    assert ahead <= 1
    return found


def assert_values(storage: SqlStorage, path: Path) -> dict[int, int]:
    """Every value of every trial comes back right by the public interface; trial id → the number of its config."""
    found = stages(path)
    numbers: dict[int, int] = {}
    data = storage.experiments["Shared"].trials
    assert list(data) == list(found)
    for trial_id, trial in data.items():
        metadata = trial.metadata_dict
        numbers[trial_id] = metadata["number"]
        assert metadata == metadata_of(metadata["number"])
        assert trial.tunable_config.config_dict == tunables_of(metadata["number"])
        assert trial.results_dict == (results_of(trial_id) if found[trial_id] == "done" else {})
    assert_telemetry(storage, found)
    return numbers


def assert_telemetry(storage: SqlStorage, found: dict[int, str]) -> None:
    """The points of every trial that came so far are right."""
    experiment: Any = make_experiment(storage)
    for trial_id, stage in found.items():
        expected = telemetry_of(trial_id) if stage in ("telemetry", "done") else []
        assert experiment.load_telemetry(trial_id) == expected
