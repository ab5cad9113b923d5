"""What a machine says of itself, and what is left out where it does not."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from trialstore.storage.writing import machine

V2 = {"proc/self/cgroup": "0::/kubepods/pod7\n", "sys/fs/cgroup/cgroup.controllers": "cpu memory"}
V1 = {"proc/self/cgroup": "12:memory:/docker/7\n4:cpu,cpuacct:/docker/7\n1:name=systemd:/docker/7\n0::/docker/7\n"}


def tree(root: Path, files: dict[str, str]) -> Path:
    """Files below a folder."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_machine_that_this_runs_on() -> None:
    found = {name: probe() for name, probe in machine.PROBES.items()}
    assert found["host_name"] == platform.node()
    assert found["python_version"] == f"{platform.python_implementation()} {platform.python_version()}"
    assert isinstance(found["cpus"], int)
    assert isinstance(found["memory_bytes"], int)
    assert found["memory_bytes"] > 2**26


def test_a_processor_and_its_settings(tmp_path: Path) -> None:
    cpu = "sys/devices/system/cpu"
    root = tree(
        tmp_path,
        {
            "proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast CPU @ 3GHz\n\nprocessor\t: 1\nmodel name\t: Other\n",
            f"{cpu}/cpufreq/policy0/scaling_governor": "powersave\n",
            f"{cpu}/cpufreq/policy1/scaling_governor": "performance\n",
            f"{cpu}/cpufreq/policy2/scaling_governor": "powersave\n",
            f"{cpu}/intel_pstate/no_turbo": "1\n",
            f"{cpu}/cpufreq/boost": "1\n",
        },
    )
    assert machine.cpu_model(root) == "Fast CPU @ 3GHz"
    assert machine.cpu_governor(root) == "performance,powersave"
    assert machine.cpu_turbo(root) is False
    (root / cpu / "intel_pstate" / "no_turbo").unlink()
    assert machine.cpu_turbo(root) is True


@pytest.mark.parametrize(
    ("files", "cpus", "memory"),
    [
        ({}, None, None),
        ({"proc/self/cgroup": "0::/\n"}, None, None),
        ({**V2, "sys/fs/cgroup/kubepods/pod7/cpu.max": "max 100000\n"}, None, None),
        ({**V2, "sys/fs/cgroup/kubepods/pod7/cpu.max": "150000 100000\n"}, 1.5, None),
        # The limits of the groups around it hold, too.
        ({**V2, "sys/fs/cgroup/kubepods/cpu.max": "200000 100000", "sys/fs/cgroup/memory.max": "4096"}, 2.0, 4096),
        # In a container: the group is named as outside, and mounted as the root.
        ({"proc/self/cgroup": "0::/../x\n", "sys/fs/cgroup/memory.max": "max"}, None, None),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu,cpuacct/docker/7/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu,cpuacct/docker/7/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/docker/7/memory.limit_in_bytes": "536870912\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            0.5,
            536870912,
        ),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            None,
            None,
        ),
    ],
)
def test_limits_of_a_container(tmp_path: Path, files: dict[str, str], cpus: float | None, memory: int | None) -> None:
    root = tree(tmp_path, files)
    assert machine.cgroup_cpus(root) == cpus
    assert machine.cgroup_memory_bytes(root) == memory


def test_a_system_without_these_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "processor", lambda: "i386")
    monkeypatch.setattr(platform, "freedesktop_os_release", _no_file)
    assert machine.cpu_model(tmp_path) == "i386"
    assert machine.system() == platform.platform(aliased=True, terse=True)
    for probe in (machine.cpu_governor, machine.cpu_turbo, machine.cgroup_cpus, machine.cgroup_memory_bytes):
        assert probe(tmp_path) is None


def _no_file() -> None:
    raise FileNotFoundError
