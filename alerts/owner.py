"""Who holds a lease: a process, named so that another one can tell whether it still lives.

Only a process of the same machine and the same process namespace can be looked for; of any other nothing is
known, and its leases run out by themselves. A process number alone is not enough: it is used again, and in a
container it is always the same.
"""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

_PROC = Path("/proc")


def owner() -> str:
    """host:pid:nonce of this process, new at each call. The nonce begins with the start of the process."""
    return f"{_host()}:{os.getpid()}:{_started(os.getpid())}-{secrets.token_hex(4)}"


def process_is_gone(owner: str) -> bool:
    """True only when that is certain."""
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    started = owner.rpartition(":")[2].partition("-")[0]
    if host != _host() or not rest.isdecimal():
        return False
    pid = int(rest)
    now = _started(pid)  # empty where the system hides other users' processes: then nothing is known
    return not _alive(pid) or now not in {"", started} or _is_zombie(pid)


def described(owner: str) -> str:
    """For people: the machine and the number of the process."""
    host, _, pid = owner.rpartition(":")[0].rpartition(":")
    return f"{host.partition('/')[0]}, process {pid}" if pid else "not known"


def _host() -> str:
    """With what tells apart machines and containers that carry the same name."""
    return f"{socket.gethostname()}/{_boot()}/{_namespace()}"


def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return (_PROC / "self/ns/pid").readlink().name.partition("[")[2].rstrip("]")
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # alive, but another user's
        return True
    return True


def _started(pid: int) -> str:
    """Ticks since boot; empty where the system does not say."""
    return "".join(_stat(pid)[19:20])


def _is_zombie(pid: int) -> bool:
    """It was killed, and whoever started it has not looked yet: the number is kept, nothing runs any more."""
    return _stat(pid)[:1] in (["Z"], ["X"])


def _stat(pid: int) -> list[str]:
    """What the system says of it from the third field on; empty where it does not."""
    try:
        # The second field is the program's name in brackets, which may hold anything.
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
