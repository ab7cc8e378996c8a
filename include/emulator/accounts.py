"""People, and the ways they prove who they are: password, session, login key, access token."""

import base64
import binascii
import hashlib
import hmac
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request

from include.emulator.answers import Refusal, forbidden, unauthorized
from include.emulator.state import State, stamp

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_SCRYPT_COST = 2**11  # a few milliseconds: CVAT spends 350 on a password, which would only slow tests down


@dataclass(frozen=True, slots=True)
class User:
    """Who calls. `by` says what proved it, since an access token may do less than its owner."""

    id: int
    username: str
    is_admin: bool
    by: Literal["password", "session", "key", "token"]
    token_id: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What a password login hands out."""

    session_id: str
    csrf: str
    key: str


def digest(secret: str) -> str:
    """Long random secrets are kept as their SHA-256 only."""
    return hashlib.sha256(secret.encode()).hexdigest()


def add_user(
    connection: sqlite3.Connection,
    *,
    username: str,
    password: str,
    email: str,
    first_name: str,
    last_name: str,
    is_admin: bool,
    now: str,
) -> int:
    """Returns the new user's id. Raises `sqlite3.IntegrityError` when the name is taken."""
    cursor = connection.execute(
        "INSERT INTO users (username, password, email, first_name, last_name, is_admin, date_joined)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (username, _hashed(password), email, first_name, last_name, is_admin, now),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def log_in(connection: sqlite3.Connection, user_id: int, now: str) -> Session:
    session = Session(secrets.token_hex(16), secrets.token_hex(16), secrets.token_hex(20))
    connection.execute("UPDATE users SET last_login = ? WHERE id = ?", (now, user_id))
    connection.executemany(
        "INSERT INTO logins (digest, user_id, csrf) VALUES (?, ?, ?)",
        [(digest(session.session_id), user_id, session.csrf), (digest(session.key), user_id, None)],
    )
    return session


def check_password(connection: sqlite3.Connection, username: str, password: str) -> int | None:
    """The id of the user with this name and password, if there is one."""
    row = connection.execute("SELECT id, password FROM users WHERE username = ?", (username,)).fetchone()
    if row is None:
        return None
    salt, _, _ = row["password"].partition("$")
    return row["id"] if hmac.compare_digest(_hashed(password, salt), row["password"]) else None


def _hashed(password: str, salt: str | None = None) -> str:
    salt = salt or secrets.token_hex(8)
    key = hashlib.scrypt(password.encode(), salt=salt.encode(), n=_SCRYPT_COST, r=8, p=1)
    return f"{salt}${key.hex()}"


def identify(state: State, request: Request) -> User:
    """Who makes this request.

    Raises a 401 refusal for wrong or missing credentials, and a 403 one for a session without its CSRF token or
    a read-only access token that would change something.
    """
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "basic":
            return _by_password(state, credential)
        case "bearer":
            return _by_token(state, credential, changes=request.method not in _SAFE_METHODS)
        case "token":
            return _by_login(state, credential, "key")
    session_id = request.cookies.get("sessionid")
    if not session_id:
        raise unauthorized("Authentication credentials were not provided.")
    user = _by_login(state, session_id, "session")
    if request.method not in _SAFE_METHODS:
        _check_csrf(state, session_id, request.headers.get("x-csrftoken"))
    return user


def _by_password(state: State, credential: str) -> User:
    try:
        username, _, password = base64.b64decode(credential, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        detail = "Invalid basic header. Credentials not correctly base64 encoded."
        raise unauthorized(detail) from error
    with state.read() as connection:
        user_id = check_password(connection, username, password)
        if user_id is not None:
            return _user(connection, user_id, "password")
    raise unauthorized("Invalid username/password.")


def _by_token(state: State, credential: str, *, changes: bool) -> User:
    now = stamp(state.clock.now())
    with state.write() as connection:
        token = connection.execute(
            "UPDATE access_tokens SET last_used_date = ?"
            " WHERE digest = ? AND (expiry_date IS NULL OR expiry_date > ?) RETURNING id, user_id, read_only",
            (now, digest(credential), now),
        ).fetchone()
        if token is not None:
            user = _user(connection, token["user_id"], "token", token["id"])
    if token is None:
        raise unauthorized("Invalid token.")
    if changes and token["read_only"]:
        raise forbidden()
    return user


def _by_login(state: State, secret: str, by: Literal["session", "key"]) -> User:
    with state.read() as connection:
        login = connection.execute(
            f"SELECT user_id FROM logins WHERE digest = ? AND csrf IS {'NOT ' if by == 'session' else ''}NULL",
            (digest(secret),),
        ).fetchone()
        if login is not None:
            return _user(connection, login["user_id"], by)
    detail = "Authentication credentials were not provided." if by == "session" else "Invalid token."
    raise unauthorized(detail)


def _check_csrf(state: State, session_id: str, sent: str | None) -> None:
    if not sent:
        raise forbidden("CSRF Failed: CSRF token missing.")
    with state.read() as connection:
        (expected,) = connection.execute("SELECT csrf FROM logins WHERE digest = ?", (digest(session_id),)).fetchone()
    if not hmac.compare_digest(sent, expected):
        raise forbidden("CSRF Failed: CSRF token from the 'X-Csrftoken' HTTP header incorrect.")


def _user(
    connection: sqlite3.Connection,
    user_id: int,
    by: Literal["password", "session", "key", "token"],
    token_id: int | None = None,
) -> User:
    row = connection.execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone()
    if row is None:
        raise Refusal(401, {"detail": "User inactive or deleted."})
    return User(row["id"], row["username"], bool(row["is_admin"]), by, token_id)
