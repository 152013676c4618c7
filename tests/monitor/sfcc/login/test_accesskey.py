"""A WebDAV access key is locked after six wrong tries: one is all that a wrong one gets."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from monitor.errors import Reason, SfccError
from monitor.sfcc.login.accesskey import InMemory, PasswordLogin, is_of, mark_of
from monitor.sfcc.login.auth import logged_in

KEY = "an-access-key"


class Vault:
    """Where the key stands; it can be replaced."""

    def __init__(self, key: str = KEY) -> None:
        self.key = key

    def __call__(self) -> str:
        return self.key


class Door:
    """Lets in who has the key, and counts."""

    def __init__(self, key: str) -> None:
        self._key = key
        self.tries = 0

    def open(self, login: PasswordLogin, vault: Vault, meanwhile: str | None = None) -> None:
        def send(_auth: object) -> None:
            self.tries += 1
            is_right = vault.key == self._key
            vault.key = meanwhile or vault.key
            if not is_right:
                raise SfccError(Reason.CREDENTIALS, "no", status=401)

        logged_in(login, send)


def test_a_refused_key_is_tried_once_until_it_is_another() -> None:
    vault, door = Vault("wrong"), Door(KEY)
    login = PasswordLogin("jdoe", vault)
    for _ in range(5):
        with pytest.raises(SfccError) as caught:
            door.open(login, vault)
    assert door.tries == 1
    assert caught.value.reason is Reason.CREDENTIALS
    assert "jdoe was refused and is not tried again, because six wrong tries lock it" in str(caught.value)
    vault.key = KEY
    door.open(login, vault)
    assert door.tries == 2


def test_it_is_not_tried_again_after_a_restart_either() -> None:
    kept, door = InMemory(), Door(KEY)
    for _ in range(8):  # one for each time that cron starts a poll
        vault = Vault("wrong")
        with pytest.raises(SfccError):
            door.open(PasswordLogin("jdoe", vault, kept), vault)
    assert door.tries == 1
    vault = Vault(KEY)
    door.open(PasswordLogin("jdoe", vault, kept), vault)


def test_another_user_with_the_same_key_is_tried() -> None:
    kept, vault, door = InMemory(), Vault("wrong"), Door(KEY)
    for user in ("jdoe", "other"):
        with pytest.raises(SfccError):
            door.open(PasswordLogin(user, vault, kept), vault)
    assert door.tries == 2


def test_a_key_that_was_replaced_while_the_old_one_was_tried_has_its_own_try() -> None:
    vault, door = Vault("old"), Door(KEY)
    door.open(PasswordLogin("jdoe", vault), vault, meanwhile=KEY)
    assert door.tries == 2


def test_what_is_remembered_tells_nobody_the_key() -> None:
    kept, vault = InMemory(), Vault()
    login = PasswordLogin("jdoe", vault, kept)
    login.refused(login.auth())
    mark = kept.load("jdoe")
    assert mark is not None
    assert KEY not in mark
    assert is_of(mark, KEY)
    assert not is_of(mark, "another")
    assert mark_of(KEY) != mark


@pytest.mark.parametrize("mark", [None, "", "scrypt$", "scrypt$zz$00", "md5$00$00", "$$"])
def test_a_mark_that_cannot_be_read_refuses_nothing(mark: str | None) -> None:
    assert not is_of(mark, KEY)


@pytest.mark.parametrize(
    ("is_right", "most"),
    [pytest.param(False, 1, id="refused: one at a time"), pytest.param(True, 6, id="proven: all at once")],
)
def test_who_uses_a_key_at_the_same_time(most: int, *, is_right: bool) -> None:
    vault = Vault()
    login = PasswordLogin("jdoe", vault)
    everybody = threading.Barrier(most)
    seen: list[int] = []
    inside = 0
    if is_right:
        logged_in(login, lambda _auth: None)

    def use() -> None:
        nonlocal inside
        with login.turn():
            inside += 1
            seen.append(inside)
            everybody.wait(timeout=5)  # only that many can be here at once, and have to be
            inside -= 1
            raise ValueError("the key was not accepted")

    with ThreadPoolExecutor(6) as pool:
        errors = [future.exception() for future in [pool.submit(use) for _ in range(6)]]
    assert [type(error) for error in errors] == [ValueError] * 6
    assert max(seen) == most


def test_no_repr_shows_the_key() -> None:
    login = PasswordLogin("jdoe", Vault())
    assert KEY not in repr([login, login.auth()])
