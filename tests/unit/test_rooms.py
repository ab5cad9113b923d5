"""Where modules stand, and what they import: see tests/import_floors.py, which prints the graph.

The checks read the source tree, not the installed package. Each rule is first shown to catch what it is there for.
"""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

from import_floors import FLOOR, LAYERS, ROOT, circles, floors, misplaced, read_graph, room_graph

# --- the sources ------------------------------------------------------------------------------------------------------


def test_every_module_stands_in_a_room_and_imports_only_from_rooms_below() -> None:
    assert list(misplaced(read_graph())) == []


def test_every_room_that_has_a_place_is_there() -> None:
    assert set(room_graph(read_graph())) == set(FLOOR)


def test_the_packages_of_setup_cfg_are_the_folders_of_the_source_tree() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    declared = {name for name in parser["options"]["packages"].split() if name != "trialstore.contract"}
    with_sources = {file.parent.relative_to(ROOT) for layer in LAYERS for file in (ROOT / layer).rglob("*.py")}
    assert {".".join(["trialstore", *folder.parts]) for folder in with_sources} == declared
    assert [folder for folder in with_sources if not (ROOT / folder / "__init__.py").is_file()] == []


def test_the_graph_can_be_printed_by_anyone(tmp_path: Path) -> None:
    program = ROOT / "tests" / "import_floors.py"
    child = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, check=True)
    first, *_rooms, last = child.stdout.splitlines()
    assert re.fullmatch(rf"{len(FLOOR)} rooms on \d+ floors, 0 circles", first)
    assert re.fullmatch(r"\d+ modules on \d+ floors, 0 circles", last)


# --- the rules --------------------------------------------------------------------------------------------------------


def findings(folder: Path, **modules: str) -> list[str]:
    """What is wrong with a tree of these modules, whose names have `__` for a folder."""
    for name, source in modules.items():
        file = folder.joinpath(*name.split("__")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    return list(misplaced(read_graph(folder)))


UP = "trialstore.storage.values.rows, line {line}, imports trialstore.storage.reading.frames: values is on floor 3"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("from trialstore.storage.reading import frames", 1),
        ("from trialstore.storage.reading.frames import frame", 1),
        ("import trialstore.storage.reading.frames", 1),
        ("from ..reading.frames import frame", 1),
        ("def read():\n    from trialstore.storage.reading import frames", 2),
        ("if TYPE_CHECKING:\n    from trialstore.storage.reading import frames", 2),
        ("import importlib\nLATER = {'frame': 'trialstore.storage.reading.frames:frame'}", 2),
    ],
)
def test_an_import_up_the_floors_is_found_however_it_is_written(source: str, line: int, tmp_path: Path) -> None:
    (found,) = findings(tmp_path, storage__values__rows=source, storage__reading__frames="")
    assert found.startswith(UP.format(line=line))
    assert "Move what values needs of it to a room below both" in found


def test_rooms_of_one_floor_do_not_import_each_other(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, storage__config__keys="from .. import status", storage__status="")
    assert "imports trialstore.storage.status" in found


def test_an_import_down_the_floors_is_fine(tmp_path: Path) -> None:
    reading = "from trialstore.storage.values.rows import Row\nfrom trialstore.sql import session\nimport pandas"
    assert findings(tmp_path, storage__reading__frames=reading, storage__values__rows="", sql__session="") == []


def test_a_module_beside_the_rooms_is_shown_what_rooms_there_are(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, storage__helpers="")
    assert found.startswith("helpers.py (trialstore.storage.helpers) stands in no room.")
    assert "values (values as they are stored, checks of arguments, rows)" in found


@pytest.mark.parametrize("source", ["from .rows import Row", "def late():\n    from . import rows"])
def test_a_circle_inside_a_room_is_found(source: str, tmp_path: Path) -> None:
    (found,) = findings(tmp_path, storage__values__checks=source, storage__values__rows="from . import checks")
    assert found.startswith("trialstore.storage.values.checks, trialstore.storage.values.rows import each other.")


def test_a_module_that_imports_the_public_names_of_its_own_room_is_in_a_circle(tmp_path: Path) -> None:
    tunables = tmp_path / "storage" / "tunables"
    tunables.mkdir(parents=True)
    (tunables / "__init__.py").write_text("from .groups import TunableGroups")
    (tunables / "groups.py").write_text("from trialstore.storage.tunables import TunableGroups")
    (found,) = misplaced(read_graph(tmp_path))
    assert "trialstore.storage.tunables.__init__" in found


def test_floors_count_from_the_ground_and_the_modules_of_a_circle_share_one() -> None:
    below: dict[str, set[str]] = {"a": {"b"}, "b": {"c", "d"}, "c": {"b"}, "d": set()}
    assert circles(below) == [["b", "c"]]
    assert floors(below) == {"a": 3, "b": 2, "c": 2, "d": 1}
