"""What a process runs on: the machine and its settings, the limits of its container, and versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable
from pathlib import Path

from trialstore.sql.history import library_version

Value = str | int | float | bool | None
"""A value of a context; None where there is nothing to say."""

_ROOT = Path("/")
_UNLIMITED = 2**60
"""Where the first version of control groups has no limit on memory, it says a number about that of all addresses."""


def host_name() -> Value:
    """The name of the machine, as it knows it."""
    return platform.node() or None


def system() -> Value:
    """The operating system, as its makers call it."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform(aliased=True, terse=True)


def kernel() -> Value:
    """The version of the kernel."""
    return platform.release() or None


def architecture() -> Value:
    """The architecture that the kernel is for."""
    return platform.machine() or None


def cpu_model(root: Path = _ROOT) -> Value:
    """What the first processor calls itself."""
    info = root / "proc/cpuinfo"
    if not info.is_file():
        return platform.processor() or None
    with info.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:  # not all at once: a large machine has a lot to say
            name, _, model = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return model.strip()
    return None


def cpus() -> Value:
    """How many processors the system has, as it counts them."""
    return os.cpu_count()


def cpu_governor(root: Path = _ROOT) -> Value:
    """Who chooses the frequency of the processors; several with commas between, where they differ."""
    policies = (root / "sys/devices/system/cpu/cpufreq").glob("policy*/scaling_governor")
    return ",".join(sorted({_text(policy) or "" for policy in policies} - {""})) or None


def cpu_turbo(root: Path = _ROOT) -> Value:
    """Whether processors may run faster than their nominal frequency."""
    cpu = root / "sys/devices/system/cpu"
    if (off := _text(cpu / "intel_pstate" / "no_turbo")) is not None:
        return off == "0"
    boost = _text(cpu / "cpufreq" / "boost")
    return None if boost is None else boost == "1"


def memory_bytes() -> Value:
    """The memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def cgroup_cpus(root: Path = _ROOT) -> Value:
    """How many processors' time the container may use."""

    def limit(group: Path) -> float | None:
        quota, _, period = (_text(group / "cpu.max") or "").partition(" ")  # the second version
        if not quota:
            quota, period = _text(group / "cpu.cfs_quota_us") or "", _text(group / "cpu.cfs_period_us") or ""
        return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None

    return _least(map(limit, _groups(root, "cpu")))


def cgroup_memory_bytes(root: Path = _ROOT) -> Value:
    """How much memory the container may use."""

    def limit(group: Path) -> int | None:
        most = _text(group / "memory.max") or _text(group / "memory.limit_in_bytes") or ""
        return int(most) if most.isdigit() and int(most) < _UNLIMITED else None

    return _least(map(limit, _groups(root, "memory")))


def python_version() -> Value:
    """The implementation of Python and its version."""
    return f"{platform.python_implementation()} {platform.python_version()}"


PROBES: dict[str, Callable[[], Value]] = {
    "host_name": host_name,
    "os": system,
    "kernel": kernel,
    "architecture": architecture,
    "cpu_model": cpu_model,
    "cpus": cpus,
    "cpu_governor": cpu_governor,
    "cpu_turbo": cpu_turbo,
    "memory_bytes": memory_bytes,
    "cgroup_cpus": cgroup_cpus,
    "cgroup_memory_bytes": cgroup_memory_bytes,
    "python_version": python_version,
    "trialstore_version": library_version,
}
"""Name of a value → what finds it. Some of them fail on other systems than Linux."""


def _groups(root: Path, controller: str) -> Iterable[Path]:
    """The folders of the process's control group and of those around it, whose limits hold for it too.

    Inside a container the names of `/proc/self/cgroup` may be those that the host sees, of which there are no folders
    here; then the last one, where the container's own group is mounted, counts.
    """
    mounted = root / "sys/fs/cgroup"
    second = None
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _number, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            first = next((mounted / name for name in (controllers, controller) if (mounted / name).is_dir()), mounted)
            return _upwards(first, path)
        if not controllers:
            second = path
    return [] if second is None else _upwards(mounted, second)


def _upwards(top: Path, path: str) -> list[Path]:
    names = [name for name in path.split("/") if name not in ("", "..")]
    return [top.joinpath(*names[:count]) for count in range(len(names), -1, -1)]


def _least(limits: Iterable[float | int | None]) -> Value:
    return min((limit for limit in limits if limit is not None), default=None)


def _text(file: Path) -> str | None:
    """The text of a small file, or None."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
