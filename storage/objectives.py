"""What an experiment optimises: its metrics, the direction of each, and their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from trialstore.dialects.errors import ValueRejected, shown

from .values.checks import check_mapping, check_name
from .values.encoding import python_value

Direction = Literal["min", "max"]


def check_targets(targets: Any, id_length: int) -> dict[str, Direction]:
    """Objectives as they are stored: metric → direction. Raises ValueRejected for what are none."""
    check_mapping(targets, "opt_targets")
    checked: dict[str, Direction] = {}
    for target, direction in targets.items():
        name, way = check_name(target, "Objective in opt_targets", id_length), python_value(direction)
        if name in checked:
            raise ValueRejected(f"opt_targets: objective {name!r} is defined twice.", "Give each metric once.")
        if type(way) is not str or way not in ("min", "max"):
            raise ValueRejected(
                f"opt_targets: the direction of objective {name!r} is neither 'min' nor 'max'.", "Give one of the two."
            )
        checked[name] = "min" if way == "min" else "max"
    return checked


def check_weights(weights: Any, targets: Mapping[str, Direction]) -> dict[str, float]:
    """Weights of objectives as they are stored. Raises ValueRejected for those of other metrics, and for what is no
    finite number."""
    if weights is None:
        return {}
    check_mapping(weights, "opt_weights")
    checked = {}
    for target, weight in weights.items():
        name = python_value(target)
        if type(name) is not str or name not in targets:
            raise ValueRejected(
                f"opt_weights: a weight for {shown(name)}, which is no objective.", "Add it to opt_targets."
            )
        if not is_finite_number(weight) or type(python_value(weight)) is bool:
            raise ValueRejected(f"opt_weights: the weight of {name!r} is no finite number.", "Give a float.")
        checked[name] = float(python_value(weight))
    return checked


def is_finite_number(value: Any) -> bool:
    """Whether that is a number that a float has room for. Bools are numbers, text is none, whatever it looks like."""
    number = python_value(value)
    try:
        return type(number) in (int, float, bool) and math.isfinite(number)
    except OverflowError:  # an int beyond the largest float
        return False
