"""The import graph of the three packages: `python tests/import_floors.py` prints rooms, floors and circles.

A module stands one floor above the highest module that it imports; the ground is floor 1. A room is a folder of
`storage/`, or one of the modules beside those folders; `sql` and `dialects` are a room each. All imports count: those
inside functions, those for type checkers only, and those that wait in a string `package.module:name`.

`ROOMS` says where things belong; tests/unit/test_rooms.py compares the sources with it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LAYERS = ("dialects", "sql", "storage")
NAMESPACE = "trialstore"
_OBJECT = re.compile(rf"{NAMESPACE}(\.\w+)+:\w+")

# Floors from the ground up: a room imports rooms of lower floors only.
ROOMS: tuple[dict[str, str], ...] = (
    {"dialects": "what the engines differ in and SQL text cannot say; the errors"},
    {"sql": "the SQL files, and what runs them inside one transaction"},
    {"values": "values as they are stored, checks of arguments, rows"},
    {
        "status": "the states of a trial",
        "config": "the keys of a config, config files, URLs",
        "base_attributes": "the public interface: what has attributes",
        "telemetry_writer": "telemetry that is sent in batches while a program measures",
    },
    {
        "objectives": "what is optimised, and in which direction",
        "tunables": "tunable parameters, their groups, their values",
        "database": "connections, transactions with retries, forks, streams",
        "base_trial_data": "the public interface: a stored trial, a config, and trials that share one",
    },
    {
        "new_trial": "a trial that is yet to be made",
        "attributes": "tags, notes and other values that experiments and trials are given at any time",
        "schema": "what opening does to a schema, deployment, interrupted migrations",
        "base_tunable_config_data": "the public interface: a stored config, by its own path",
        "base_tunable_config_trial_group_data": "the public interface: trials that share a config, by its own path",
        "base_experiment_data": "the public interface: a stored experiment",
    },
    {
        "base_storage": "the public interface: a storage, its experiments, their trials",
        "reading": "the data classes, data frames, Arrow tables",
    },
    {
        "writing": "experiments, trials, claims, leases, merging, git",
        "demo": "the benchmark behind `trialstore demo`",
    },
    {"sql_storage": "the storage in a SQL database"},
    {
        "storage_factory": "opening the storage that a config file describes",
        "cli": "the command line: one module a command, output, exit codes",
        "mlos_bench": "the plug-in for mlos_bench",
    },
    {"__init__": "the public names", "__main__": "`python -m trialstore.storage`"},
)
FLOOR = {room: number for number, rooms in enumerate(ROOMS, start=1) for room in rooms}


class Import(NamedTuple):
    """A module that imports another one, with the line."""

    source: str
    target: str
    line: int


class Graph(NamedTuple):
    """Modules by full name, and their imports of each other."""

    files: Mapping[str, Path]
    imports: tuple[Import, ...]

    def below(self) -> dict[str, set[str]]:
        """Module → the modules that it imports."""
        found: dict[str, set[str]] = {module: set() for module in self.files}
        for each in self.imports:
            found[each.source].add(each.target)
        return found


def module_name(file: Path, root: Path = ROOT) -> str:
    """The full name of a module; that of an `__init__.py` ends with it."""
    return ".".join([NAMESPACE, *file.relative_to(root).with_suffix("").parts])


def read_graph(root: Path = ROOT) -> Graph:
    """The graph of the sources below `root`."""
    files = {module_name(file, root): file for layer in LAYERS for file in sorted((root / layer).rglob("*.py"))}
    found = []
    for module, file in files.items():
        tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
        for line, name in imported_names(tree, module.rpartition(".")[0]):
            target = _resolve(name, files)
            if target is not None and target != module:
                found.append(Import(module, target, line))
    return Graph(files, tuple(found))


def imported_names(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """What a module of `package` imports, by full names of modules or of things in them, with the lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"
        elif isinstance(node, ast.Constant) and _OBJECT.fullmatch(str(node.value)):
            yield node.lineno, str(node.value).replace(":", ".")


def _resolve(name: str, modules: Mapping[str, Path]) -> str | None:
    """The module that is, or holds, what has this full name; None for what is not ours."""
    parts = name.split(".")
    for length in range(len(parts), 1, -1):
        prefix = ".".join(parts[:length])
        for module in (prefix, f"{prefix}.__init__"):
            if module in modules:
                return module
    return None


def room_of(module: str) -> str:
    """The room that a module stands in."""
    _namespace, layer, *rest = module.split(".")
    return layer if layer != "storage" else rest[0]


def circles(below: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other, each sorted."""
    reach = {node: _reached(node, below) for node in below}
    found = {tuple(sorted(other for other in reach[node] if node in reach[other])) for node in below}
    return [list(group) for group in sorted(found) if group]


def _reached(start: str, below: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = below[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def floors(below: Mapping[str, set[str]]) -> dict[str, int]:
    """Node → floor; nodes of a circle share one."""
    shared = {node: frozenset(group) for group in circles(below) for node in group}
    found: dict[frozenset[str], int] = {}

    def floor(group: frozenset[str]) -> int:
        if group not in found:
            under = {shared.get(other, frozenset([other])) for node in group for other in below[node]} - {group}
            found[group] = 1 + max(map(floor, under), default=0)
        return found[group]

    return {node: floor(shared.get(node, frozenset([node]))) for node in below}


def room_graph(graph: Graph) -> dict[str, set[str]]:
    """Room → the rooms that it imports from."""
    found: dict[str, set[str]] = {room_of(module): set() for module in graph.files}
    for each in graph.imports:
        source, target = room_of(each.source), room_of(each.target)
        if source != target:
            found[source].add(target)
    return found


def misplaced(graph: Graph) -> Iterator[str]:
    """What breaks the rules, each as a sentence that says what to do."""
    for module, file in graph.files.items():
        if room_of(module) not in FLOOR:
            yield (
                f"{file.name} ({module}) stands in no room. Move it into the one it belongs to, or add a room to ROOMS "
                f"in tests/import_floors.py. The rooms are: {_described()}"
            )
    for source, target, line in graph.imports:
        own, other = room_of(source), room_of(target)
        if own != other and own in FLOOR and other in FLOOR and FLOOR[own] <= FLOOR[other]:
            yield (
                f"{source}, line {line}, imports {target}: {own} is on floor {FLOOR[own]}, {other} on floor "
                f"{FLOOR[other]}, and imports go down. Move what {own} needs of it to a room below both, or what "
                f"imports it to a room above {other}."
            )
    for group in circles(graph.below()):
        yield f"{', '.join(group)} import each other. Move what they share into a module below them."


def _described() -> str:
    return "; ".join(f"{room} ({purpose})" for rooms in ROOMS for room, purpose in rooms.items())


def main() -> None:
    """Print the graph."""
    graph = read_graph()
    for what, below in (("rooms", room_graph(graph)), ("modules", graph.below())):
        heights, found = floors(below), circles(below)
        print(f"{len(below)} {what} on {max(heights.values())} floors, {len(found)} circles")
        for group in found:
            print(f"  circle: {', '.join(group)}")
        for number in sorted(set(heights.values()), reverse=True) if what == "rooms" else ():
            print(f"  {number}  {'  '.join(sorted(room for room, height in heights.items() if height == number))}")


if __name__ == "__main__":
    main()
