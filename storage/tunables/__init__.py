"""Tunable parameters: their groups, their definitions, and the values that trials run with."""

from .groups import TunableGroups

__all__ = ["TunableGroups"]
