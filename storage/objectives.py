"""What an experiment optimises: its metrics, the direction of each, and their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from trialstore.dialects.errors import ValueRejected

from .values.checks import check_mapping, check_name

Direction = Literal["min", "max"]


def check_objectives(targets: Mapping[str, Direction], weights: Mapping[str, float], id_length: int) -> None:
    """Raise ValueRejected for objectives, or weights of them, that cannot be stored."""
    check_mapping(targets, "opt_targets")
    check_mapping(weights, "opt_weights")
    for target, direction in targets.items():
        check_name(target, "Objective", id_length)
        if direction not in ("min", "max"):
            raise ValueRejected(
                f"Objective {target!r}: the direction is neither 'min' nor 'max'.", "Give one of the two."
            )
    for target, weight in weights.items():
        if target not in targets:
            raise ValueRejected(f"Weight for {target!r}, which is no objective.", "Add it to opt_targets.")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight):
            raise ValueRejected(f"The weight of {target!r} is no finite number.", "Give a float.")
