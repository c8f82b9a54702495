"""The options of a remote function: checked when it is created."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from engine.calls import TIMEOUT_MS_MAX
from engine.errors import Code, SqlError
from engine.secret_settings import MASK

URL_CHARS_MAX: Final = 2_048
KEY_CHARS_MAX: Final = 8_192
# A key as it is stored may be sealed: that of the longest has 11,000 characters.
STORED_KEY_CHARS_MAX: Final = 12_288
_METHODS: Final = ("none", "auth_header")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_TEXT: Final = re.compile(r"[\x20-\x7e]*")
# Headers that are the connection's own.
_OWN: Final = frozenset(
    ("host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te")
)


def checked_remote(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are stored. SqlError 36 for what cannot be called; names no secret."""
    url = str(given.get("url") or "")
    _check_url(name, url)
    method = str(given.get("auth_method") or "none").lower()
    header, key = str(given.get("auth_header") or ""), str(given.get("auth_key") or "")
    if method not in _METHODS:
        _refuse(name, f"AUTH_METHOD must be one of {', '.join(_METHODS)}")
    if method == "none" and (header or key):
        _refuse(name, "AUTH_HEADER and AUTH_KEY are for AUTH_METHOD 'auth_header'")
    if method == "auth_header":
        if not _HEADER.fullmatch(header) or header.lower() in _OWN:
            _refuse(name, "AUTH_HEADER must name an HTTP header of the caller's own")
        if not key or key == MASK or len(key) > STORED_KEY_CHARS_MAX or not _TEXT.fullmatch(key):
            _refuse(name, "AUTH_KEY must be the header's value, in visible ASCII characters")
    options: dict[str, Any] = {"url": url, "auth_method": method}
    if method == "auth_header":
        options |= {"auth_header": header, "auth_key": key}
    if given.get("execution_timeout"):
        options["execution_timeout"] = _timeout(name, given["execution_timeout"])
    return options


def _check_url(name: str, url: str) -> None:
    if not url:
        _refuse(name, "a remote function needs a URL")
    if len(url) > URL_CHARS_MAX or not re.fullmatch(r"[\x21-\x7e]+", url):
        _refuse(name, "its URL is too long or holds characters that a URL cannot have")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        _refuse(name, "its URL cannot be read")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        _refuse(name, "its URL must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        _refuse(name, "its URL holds a user or password; use AUTH_HEADER and AUTH_KEY")


def _timeout(name: str, given: object) -> int:
    text = str(given)
    if not text.isdigit() or not 1 <= int(text) <= TIMEOUT_MS_MAX:
        _refuse(name, f"EXECUTION_TIMEOUT must be 1 to {TIMEOUT_MS_MAX} milliseconds")
    return int(text)


def _refuse(name: str, why: str) -> NoReturn:
    raise SqlError(f"function {name}: {why}", Code.BAD_ARGUMENTS)
