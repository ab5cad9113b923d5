"""What the machine has for a private server: a user, a port, a folder."""

from __future__ import annotations

import os
import pwd
import random
import socket
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from servers.errors import ServerBroken

# A socket's path has room for about 100 bytes (104 on macOS, 108 on Linux), the longest name in the folder for some 25.
LONGEST_PARENT = 45


def unprivileged(names: Sequence[str]) -> dict[str, Any]:
    """Arguments of Popen to be the first of these users, or else nobody, instead of root; none if this is not root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in (*names, "nobody"):
        if name in known:
            return {"user": known[name].pw_uid, "group": known[name].pw_gid, "extra_groups": []}
    raise ServerBroken(f"servers do not run as root, and there is no user {' or '.join(names)} or nobody")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, below those that Linux gives to outgoing connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            # Else a port of a server that ended lately would count as taken, for as long as its connections linger.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def parent_folder(*, traversable: bool) -> Path:
    """Where temporary folders go; /tmp where sockets would get too long a path or another user could not enter."""
    folder = Path(tempfile.gettempdir()).resolve()
    if len(os.fsencode(folder)) > LONGEST_PARENT:
        return Path("/tmp")
    if traversable and not all(step.stat().st_mode & stat.S_IXOTH for step in (folder, *folder.parents)):
        return Path("/tmp")
    return folder
