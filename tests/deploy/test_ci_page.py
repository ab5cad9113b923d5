"""docs/ci.md: its commands run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine("sqlite")
PAGE = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")


CONFIG = '{class: "trialstore.storage.SqlStorage", config: {drivername: "sqlite", database: "bench.sqlite"}}'


def shell(code: str, folder: Path) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "TEXTFILES": str(folder)}
    command = ["bash", "-euo", "pipefail", "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_command_of_the_page_runs(tmp_path: Path) -> None:
    (tmp_path / "reader.jsonc").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "upgrade.sql").write_text("DROP TABLE shop;\n", encoding="utf-8")
    (tmp_path / "migrations").mkdir()
    (lint,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "migrations" / "accepted.sql").write_text(lint, encoding="utf-8")
    shell("trialstore schema apply --config reader.jsonc", tmp_path)
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    workflow = re.findall(r"- run: (trialstore .*)", PAGE)
    assert len(blocks) == 4
    assert len(workflow) == 3
    told = "".join(shell(block, tmp_path) for block in blocks)
    assert "upgrade.sql:1: error: drop-table" in told
    assert [shell(line, tmp_path) for line in workflow] == ["", "", ""]
    gauges = "".join(
        (tmp_path / f"trialstore_{name}.prom").read_text(encoding="utf-8") for name in ("status", "verify")
    )
    assert set(re.findall(r"^(\w+)\{", gauges, re.MULTILINE)) == set(re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE))
    assert (tmp_path / "schema.mmd").read_text(encoding="utf-8").startswith("erDiagram\n")
    assert (tmp_path / "schema.dot").read_text(encoding="utf-8").startswith("digraph schema {\n")
