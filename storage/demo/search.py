"""The search for better settings: the default first, then a few random configs, then neighbours of the best one."""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .settings import DEFAULTS, Config, Value, allowed_values

WEIGHTS = {"elapsed_s": 0.7, "p95_query_ms": 0.3}
"""The objectives, all to be minimised, and their shares in a config's cost."""

RANDOM_CONFIGS = 4
_RANDOM_SHARE = 0.15

Key = tuple[Value, ...]
Medians = dict[str, float]


@dataclass(frozen=True)
class Proposal:
    """A config to be tried; `origin` is "default", "random", "neighbour" or "again"."""

    config: Config
    origin: str


@dataclass
class _Tried:
    """Scores of the trials that one config has had; None for a trial that gave none."""

    scores: list[Mapping[str, Any] | None] = field(default_factory=list)

    def medians(self) -> Medians | None:
        good = [scores for scores in self.scores if scores is not None]
        if not good or any(metric not in scores for scores in good for metric in WEIGHTS):
            return None
        return {metric: statistics.median(scores[metric] for scores in good) for metric in WEIGHTS}


class Search:
    """Proposes configs from the results it has been given; the same seed and history give the same proposals.

    Its whole state follows from the stored trials, so a later run goes on where this one stops.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._tried: dict[Key, _Tried] = {}

    def observe(self, config: Mapping[str, Any], scores: Mapping[str, Any] | None) -> None:
        """Learn the result of a trial; None for one that failed. A config that cannot be tried here is left aside."""
        if self._valid(config):
            self._tried.setdefault(_key(config), _Tried()).scores.append(scores)

    def plan(self, config: Mapping[str, Any]) -> None:
        """Learn that a trial with this config is under way, so that the config is not proposed once more."""
        if self._valid(config):
            self._tried.setdefault(_key(config), _Tried())

    @property
    def configs(self) -> int:
        """Number of different configs known."""
        return len(self._tried)

    def best(self) -> Config | None:
        """The config of least cost, or None while none has succeeded."""
        ranked = self._ranked()
        return _config(ranked[0]) if ranked else None

    def propose(self) -> Proposal:
        """The next config to try, one that was not tried yet if there is any."""
        rng = random.Random(f"{self._seed}/{len(self._tried)}")
        if _key(DEFAULTS) not in self._tried:
            return Proposal(dict(DEFAULTS), "default")
        if len(self._tried) > RANDOM_CONFIGS and rng.random() >= _RANDOM_SHARE:
            neighbour = self._neighbour(rng)
            if neighbour is not None:
                return Proposal(neighbour, "neighbour")
        return self._random(rng)

    def _neighbour(self, rng: random.Random) -> Config | None:
        for key in self._ranked():
            near = [config for config in neighbours(_config(key)) if _key(config) not in self._tried]
            if near:
                return rng.choice(near)
        return None

    def _random(self, rng: random.Random) -> Proposal:
        values = allowed_values()
        for _attempt in range(1000):
            config = {name: rng.choice(values[name]) for name in values}
            if _key(config) not in self._tried:
                return Proposal(config, "random")
        # Nearly all configs have been tried: then it is most useful to measure the best one again.
        return Proposal(self.best() or dict(DEFAULTS), "again")

    def _ranked(self) -> list[Key]:
        medians = {key: found for key, tried in self._tried.items() if (found := tried.medians()) is not None}
        if not medians:
            return []
        base = medians.get(_key(DEFAULTS)) or next(iter(medians.values()))
        return sorted(medians, key=lambda key: cost(medians[key], base))

    def _valid(self, config: Mapping[str, Any]) -> bool:
        return set(config) == set(DEFAULTS) and all(config[name] in values for name, values in allowed_values().items())


def cost(medians: Medians, default: Medians) -> float:
    """The weighted mean of a config's medians, each relative to the default's: 1 for the default, less is better."""
    return sum(weight * (medians[name] / default[name] if default[name] else 1.0) for name, weight in WEIGHTS.items())


def neighbours(config: Mapping[str, Value]) -> list[Config]:
    """The configs that differ in one setting, by one step in the order of its values."""
    found = []
    for name, values in allowed_values().items():
        at = values.index(config[name])
        found += [{**config, name: values[to]} for to in (at - 1, at + 1) if 0 <= to < len(values)]
    return found


def _key(config: Mapping[str, Any]) -> Key:
    return tuple(config[name] for name in DEFAULTS)


def _config(key: Key) -> Config:
    return dict(zip(DEFAULTS, key, strict=True))
