"""A real Alertmanager, as Debian has it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
_CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


@dataclass
class Alertmanager:
    url: str

    def alerts(self) -> list[dict[str, Any]]:
        """What it holds to be true now."""
        answer = requests.get(f"{self.url}/api/v2/alerts", timeout=10)
        answer.raise_for_status()
        return sorted(answer.json(), key=lambda one: sorted(one["labels"].items()))


@contextmanager
def running(folder: Path, port: int | None = None) -> Iterator[Alertmanager]:
    """With an empty memory; on the same port as another one before it, where one is given."""
    assert PROGRAM is not None
    folder.mkdir(parents=True)
    config = folder / "alertmanager.yml"
    config.write_text(_CONFIG)
    port = port or free_port()
    process = subprocess.Popen(
        [
            PROGRAM,
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/-/ready")
        yield Alertmanager(url)
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wait_for(url: str, log: Path | None = None, seconds: float = 60) -> None:
    """Until it answers well. log: what the server wrote, to be shown where it does not."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        said = log.read_text()[-2000:] if log else ""
        assert time.monotonic() < deadline, f"{url} does not answer: {said}"
        time.sleep(0.05)
