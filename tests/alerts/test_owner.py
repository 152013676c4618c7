"""Telling a process that is gone from one that lives, and from one nothing is known about."""

from __future__ import annotations

import os
import subprocess
import sys

from alerts.owner import owner, process_is_gone


def test_two_owners_of_one_process_differ_and_both_live() -> None:
    first, second = owner(), owner()

    assert first != second
    assert not process_is_gone(first)
    assert not process_is_gone(second)


def test_a_process_that_ended_is_gone() -> None:
    code = "from alerts.owner import owner; print(owner())"
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()

    assert process_is_gone(other)


def test_a_process_that_was_killed_is_gone_before_its_parent_looked() -> None:
    code = "from alerts.owner import owner; print(owner(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        assert not process_is_gone(name)
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays unreaped
        assert process_is_gone(name)


def test_a_number_that_another_process_uses_by_now_does_not_keep_it_alive() -> None:
    host, pid, nonce = owner().rsplit(":", 2)

    assert process_is_gone(f"{host}:{pid}:1-{nonce.partition('-')[2]}")


def test_nothing_is_known_of_a_process_of_another_machine() -> None:
    assert not process_is_gone(f"elsewhere/0/0:{os.getpid()}:1-abcd")


def test_a_text_that_is_no_owner_is_not_gone() -> None:
    assert not process_is_gone("nonsense")
