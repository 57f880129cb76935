"""Accounts of those who keep the directory; whoever searches needs none.

No address of a computer is kept: tries are counted for each account.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Engine, text

from directory.errors import UsageError

ROLES = ("interventionist", "maintainer")
SHORTEST, LONGEST = 12, 1024
TRIES, TRIES_MINUTES = 10, 15
"""Tries that an account has within so many minutes; further ones are refused unseen."""

# Whether the minutes are over within which tries are counted.
_FRESH = f"coalesce(tries_since < now() - interval '{TRIES_MINUTES} minutes', true)"
_HASHER = PasswordHasher()  # argon2id, with the parameters that RFC 9106 recommends


@dataclass(frozen=True, slots=True)
class Account:
    """An account that may sign in. ``sessions``: a number that ends older sessions when raised."""

    id: int
    email: str
    role: str
    sessions: int


@dataclass(frozen=True, slots=True)
class Listed:
    """An account as a list of them shows it."""

    email: str
    role: str
    created: datetime
    disabled: datetime | None


def add(engine: Engine, email: str, role: str, password: str) -> None:
    """Make an account; UsageError for what is no address, a short password, or one that exists."""
    address, hashed = _address(email), _hashed(password)
    with engine.begin() as connection:
        made = connection.execute(
            text(
                "INSERT INTO account (email, role, hash) VALUES (:email, :role, :hash) "
                "ON CONFLICT (email) DO NOTHING RETURNING id"
            ),
            {"email": address, "role": role, "hash": hashed},
        )
        if made.scalar() is None:
            raise UsageError(f"{address} has an account; see directory account list.")


def set_password(engine: Engine, email: str, password: str) -> None:
    """Give an account a new password: it may sign in again, and its sessions end."""
    change = "hash = :hash, tries = 0, disabled = NULL"
    _change(engine, email, change, {"hash": _hashed(password)})


def disable(engine: Engine, email: str) -> None:
    """Keep an account from signing in until it gets a new password; its sessions end."""
    _change(engine, email, "disabled = coalesce(disabled, now())", {})


def _change(engine: Engine, email: str, change: str, values: dict[str, str]) -> None:
    address = _address(email)
    statement = f"UPDATE account SET sessions = sessions + 1, {change} WHERE email = :email"
    with engine.begin() as connection:
        if not connection.execute(text(statement), {"email": address, **values}).rowcount:
            raise UsageError(f"There is no account {address}; see directory account list.")


def listed(connection: Connection) -> list[Listed]:
    """All accounts by address."""
    query = text("SELECT email, role, created, disabled FROM account ORDER BY email")
    return [Listed(*row) for row in connection.execute(query)]


def sign_in(engine: Engine, email: str, password: str) -> Account | None:
    """The account where the password is right; else None, after the same work for any reason.

    Each try is counted before it is looked at, so that many at once are no way around the limit.
    """
    with engine.begin() as connection:
        found = connection.execute(
            text(
                f"UPDATE account SET tries = CASE WHEN {_FRESH} THEN 1 ELSE tries + 1 END, "
                f"tries_since = CASE WHEN {_FRESH} THEN now() ELSE tries_since END "
                f"WHERE email = :email AND disabled IS NULL AND ({_FRESH} OR tries < {TRIES}) "
                "RETURNING id, email, role, sessions, hash"
            ),
            {"email": _folded(email)},
        ).one_or_none()
    right = _matches(found.hash if found else _nobodys(), password)
    if found is None or not right:
        return None
    change = {"id": found.id, "hash": found.hash}
    if _HASHER.check_needs_rehash(found.hash):
        change["hash"] = _hashed(password)
    with engine.begin() as connection:
        forget = "UPDATE account SET tries = 0, hash = :hash WHERE id = :id"
        connection.execute(text(forget), change)
    return Account(found.id, found.email, found.role, found.sessions)


def signed_in(connection: Connection, account: int, sessions: int) -> Account | None:
    """The account of a session, unless it has ended since or the account is disabled."""
    query = (
        "SELECT id, email, role, sessions FROM account "
        "WHERE id = :id AND sessions = :sessions AND disabled IS NULL"
    )
    found = connection.execute(text(query), {"id": account, "sessions": sessions}).one_or_none()
    return Account(*found) if found else None


def sign_out(engine: Engine, account: int) -> None:
    """End every session of the account."""
    with engine.begin() as connection:
        ended = "UPDATE account SET sessions = sessions + 1 WHERE id = :id"
        connection.execute(text(ended), {"id": account})


def _folded(email: str) -> str:
    # PostgreSQL's texts cannot hold NUL, nor any of its encodings a lone half of a pair.
    return email.strip().lower().replace("\0", "").encode(errors="replace").decode()


def _address(email: str) -> str:
    address = _folded(email)
    if len(address) > 254 or not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
        raise UsageError(f"{email!r} is no e-mail address.")
    return address


def _plain(password: str) -> bytes:
    """The password as it is hashed: however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password).encode(errors="replace")


def _hashed(password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(f"A password takes {SHORTEST} to {LONGEST:,} characters; a few words do.")
    return _HASHER.hash(_plain(password))


def _matches(hashed: str, password: str) -> bool:
    try:
        return len(password) <= LONGEST and _HASHER.verify(hashed, _plain(password))
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _HASHER.hash(b"nobody's password")
