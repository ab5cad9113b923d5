"""Running mlos_bench's own tests from a clone of its repository, with our class in place of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import servers
from matrix import first_mode
from reference.source.replaced import WHERE

VARIABLE = "TRIALSTORE_MLOS_SOURCE"
"""The environment variable that names the clone; its packages are installed where the tests run."""
TESTS = "mlos_bench/mlos_bench/tests"


@dataclass(frozen=True)
class Counts:
    """What a run of pytest says."""

    passed: int
    skipped: int
    failed: list[str]
    databases: int


def clone() -> Path:
    """The clone, whose mlos_bench must be the one that is imported."""
    import mlos_bench

    folder = Path(os.environ[VARIABLE]).resolve()
    found = Path(mlos_bench.__file__ or "").resolve()
    assert folder in found.parents, f"{VARIABLE} is {folder}, but the mlos_bench that is installed is {found}"
    return folder


@contextmanager
def databases(engine: str, folder: Path) -> Iterator[tuple[dict[str, str], Path]]:
    """Environment variables that have storages made in fresh databases of an engine, and the file that then names those
    of a server; they are dropped in the end."""
    mode, made = first_mode(engine), folder / "made"
    config = mode.create(folder)
    made.touch()
    try:
        yield {WHERE: json.dumps({"config": config, "made": str(made)})}, made
    finally:
        for name in made.read_text(encoding="ascii").split():
            servers.require(engine).drop_database(name)
        if mode.drop:
            mode.drop(config)


def environment(more: dict[str, str]) -> dict[str, str]:
    """Without what this run's own pytest has set."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", "TRIALSTORE_"))}
    programs = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    python = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    return {"USER": "nobody", **kept, "PATH": programs, "PYTHONPATH": python, **more}


def run_tests(engine: str, folder: Path, *arguments: str) -> Counts:
    """Run some of mlos_bench's tests on an engine."""
    report = folder / "report.xml"
    options = [
        "-q",
        "-o",
        "addopts=",
        "-p",
        "no:cacheprovider",
        f"--junit-xml={report}",
        f"--basetemp={folder / 'tmp'}",
    ]
    with databases(engine, folder) as (more, made):
        done = subprocess.run(
            [str(Path(sys.executable).with_name("pytest")), *options, *arguments],
            cwd=clone(),
            env=environment(more),
            capture_output=True,
            text=True,
            check=False,
            timeout=3000,
        )
        (folder / "output.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
        assert report.exists(), (done.stdout + done.stderr)[-5000:]
        number = len(made.read_text(encoding="ascii").split())
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314  # pytest has just written it
    kinds = [{child.tag for child in case} for case in cases]
    failed = [
        f"{case.get('classname')}::{case.get('name')}"
        for case, kind in zip(cases, kinds, strict=True)
        if kind & {"failure", "error"}
    ]
    skipped = sum("skipped" in kind for kind in kinds)
    return Counts(len(cases) - len(failed) - skipped, skipped, failed, number)
