"""One TLS context for all HTTP clients of a test process: to make one takes 30 ms."""

from __future__ import annotations

import functools
import os
from typing import Any

import httpx
import httpx._transports.default as transports

_READ_BY_HTTPX = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def share() -> None:
    """Let clients that ask for nothing special have the same context, in this process.

    A client makes one even when it only speaks plain HTTP, so a poll with `httpx.get` would keep a
    processor half busy. Contexts that somebody asks for by themselves are made as ever.
    """
    if hasattr(transports.create_ssl_context, "__wrapped__"):
        return

    @functools.cache
    def usual(trust_env: bool, environment: tuple[str | None, ...]) -> Any:
        del environment
        return httpx.create_ssl_context(trust_env=trust_env)

    @functools.wraps(httpx.create_ssl_context)
    def shared(verify: Any = True, cert: Any = None, trust_env: bool = True) -> Any:
        if verify is not True or cert is not None:
            return httpx.create_ssl_context(verify=verify, cert=cert, trust_env=trust_env)
        return usual(trust_env, tuple(map(os.environ.get, _READ_BY_HTTPX)))

    transports.create_ssl_context = shared
