"""Business Manager users that may read files with a WebDAV access key."""

from hmac import compare_digest

WRONG_TRIES = 6  # as documented: the sixth wrong try locks the key


class WebdavUsers:
    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        self._wrong: dict[str, int] = {}

    def add(self, user: str, access_key: str) -> None:
        """Also gives a user another key, which unlocks it."""
        self._keys[user] = access_key
        self._wrong[user] = 0

    def wrong_tries(self, user: str) -> int:
        """In a row; tries with a key that is locked count no more."""
        return self._wrong.get(user, 0)

    def locked(self, user: str) -> bool:
        return self._wrong.get(user, 0) >= WRONG_TRIES

    def admit(self, user: str, access_key: str) -> bool:
        if user not in self._keys or self.locked(user):
            return False
        right = compare_digest(self._keys[user].encode(), access_key.encode())
        self._wrong[user] = 0 if right else self._wrong[user] + 1
        return right
