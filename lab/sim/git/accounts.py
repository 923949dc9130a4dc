"""Who may do what: accounts with a password and tokens, kept in one file with mode 0600.

Passwords and tokens are made at random by the lab, so a salted SHA-256 keeps them; a slow hash would only slow git
down.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from lab.sim.files import write_private


class BadCredentials(ValueError):
    """A password or token was given and is not right."""


@dataclass(slots=True)
class Token:
    """A key to an account."""

    id: int
    name: str
    digest: str
    last_eight: str
    scopes: list[str]
    created: float


@dataclass(slots=True)
class Account:
    """Somebody who owns repositories."""

    id: int
    name: str
    admin: bool
    created: float
    salt: str
    digest: str = ""
    """Of the password; empty: nobody can sign in with one."""
    next_token: int = 1
    tokens: list[Token] = field(default_factory=list)

    @property
    def email(self) -> str:
        """As Gitea's for accounts the lab makes."""
        return f"{self.name}@localhost"


class Accounts:
    """All accounts of one git server."""

    def __init__(self, path: Path) -> None:
        """`path`: the file, read if it is there."""
        self._path = path
        self._accounts: dict[str, Account] = {}
        if path.exists():
            for kept in orjson.loads(path.read_bytes()):
                tokens = [Token(**token) for token in kept.pop("tokens")]
                self._accounts[kept["name"]] = Account(**kept, tokens=tokens)

    def get(self, name: str) -> Account | None:
        """The account of that name, or None."""
        return self._accounts.get(name)

    def ensure(self, name: str, password: str, when: float, *, admin: bool = True) -> Account:
        """Make the account if it is missing, and give it this password."""
        account = self._accounts.get(name)
        if account is None:
            account = Account(len(self._accounts) + 1, name, admin, when, secrets.token_hex(8))
            self._accounts[name] = account
        digest = _digest(account.salt, password) if password else ""
        if account.digest != digest or not self._path.exists():
            account.digest = digest
            self._save()
        return account

    def clear(self) -> None:
        """Forget everybody."""
        self._accounts.clear()
        self._path.unlink(missing_ok=True)

    def add_token(self, account: Account, name: str, scopes: list[str], when: float) -> tuple[Token, str]:
        """A new token and its text, which is nowhere kept."""
        text = secrets.token_hex(20)
        token = Token(account.next_token, name, _digest("", text), text[-8:], scopes, when)
        account.next_token += 1
        account.tokens.append(token)
        self._save()
        return token, text

    def remove_token(self, account: Account, name: str) -> bool:
        """Forget a token, by name or by id; False when there is none."""
        left = [token for token in account.tokens if name not in (token.name, str(token.id))]
        if len(left) == len(account.tokens):
            return False
        account.tokens = left
        self._save()
        return True

    def who(self, authorization: str) -> Account | None:
        """Whose request carries this `Authorization` header; None without one. Raises BadCredentials."""
        if not authorization:
            return None
        scheme, _, rest = authorization.partition(" ")
        account: Account | None = None
        match scheme.lower():
            case "token" | "bearer":
                account = self._of_token(rest.strip())
            case "basic":
                account = self._of_pair(*_pair(rest))
        if account is None:
            raise BadCredentials
        return account

    def _of_pair(self, name: str, secret: str) -> Account | None:
        account = self._accounts.get(name)
        if account and account.digest and secrets.compare_digest(account.digest, _digest(account.salt, secret)):
            return account
        # As Gitea: a token as the password, or as the name with nothing or a fixed word beside it.
        found = self._of_token(name if secret in ("", "x-oauth-basic") else secret)
        return found if found is not None and (secret in ("", "x-oauth-basic") or found.name == name) else None

    def _of_token(self, text: str) -> Account | None:
        digest = _digest("", text)
        for account in self._accounts.values():
            if any(secrets.compare_digest(token.digest, digest) for token in account.tokens):
                return account
        return None

    def _save(self) -> None:
        write_private(self._path, orjson.dumps([asdict(account) for account in self._accounts.values()]))


def _digest(salt: str, text: str) -> str:
    return hashlib.sha256(f"{salt}:{text}".encode(errors="surrogateescape")).hexdigest()


def _pair(text: str) -> tuple[str, str]:
    try:
        name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret
