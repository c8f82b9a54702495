"""The API reference: the OpenAPI document, the page that shows it, and what the page loads."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from controlplane import problems

STATIC: Final = Path(__file__).parents[1] / "static"
# Of Swagger UI; it stands in the addresses, so that browsers may keep the files for good.
VERSION: Final = "5.35.0"
SCRIPT: Final = f"swagger-ui-{VERSION}.js"
STYLE: Final = f"swagger-ui-{VERSION}.css"
START: Final = "reference.js"
# Address below /docs -> the file, its media type, how long a browser may keep it.
FOREVER: Final = "public, max-age=31536000, immutable"
ASSETS: Final = {
    SCRIPT: ("swagger-ui/swagger-ui-bundle.js.gz", "text/javascript", FOREVER),
    STYLE: ("swagger-ui/swagger-ui.css.gz", "text/css", FOREVER),
    START: (START, "text/javascript", "no-cache"),
}
# Nothing comes from elsewhere. Swagger UI sets style attributes and shows its icons as data.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
PAGE: Final = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Tailrace API</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="docs/{STYLE}"></head>
<body><main id="reference"></main>
<noscript><p>This page needs scripts, all from this server. The machine-readable form of the
reference is <a href="openapi.json">openapi.json</a>.</p></noscript>
<script src="docs/{SCRIPT}"></script><script src="docs/{START}"></script></body></html>
""".encode()


class Documents:
    """The produced OpenAPI document, made at the first request."""

    def __init__(self, produce: Callable[[], bytes]) -> None:
        self._produce = produce
        self._lock = asyncio.Lock()
        self._made: bytes | None = None

    async def get(self) -> bytes:
        """The document; made in a thread, since it takes long."""
        async with self._lock:
            if self._made is None:
                self._made = await asyncio.to_thread(self._produce)
        return self._made


@get("/openapi.json", operation_id="getOpenAPI", summary="This document", tags=["Extensions"])
async def openapi_json(documents: Given[Documents]) -> Response[bytes]:
    """The OpenAPI document of this server."""
    return Response(await documents.get(), media_type="application/json")


@get("/docs", operation_id="getDocs", summary="Reference page", tags=["Extensions"])
async def docs() -> Response[bytes]:
    """The reference as a page for browsers; it loads nothing from elsewhere."""
    return _page()


@get("/redoc", operation_id="getRedoc", summary="Reference page", tags=["Extensions"])
async def redoc() -> Response[bytes]:
    """The same page, where clients of Kronicle and TimeDB look for it."""
    return _page()


def _page() -> Response[bytes]:
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    return Response(PAGE, media_type="text/html", headers=headers)


@get("/docs/{asset:str}", operation_id="getDocsAsset", include_in_schema=False)
async def docs_asset(asset: FromPath[str], request: Request[Any, Any, Any]) -> Response[bytes]:
    """A script or a style of the page."""
    if asset not in ASSETS:
        raise problems.Problem(404, problems.FRAMEWORK_MESSAGES[404])
    name, media_type, keep = ASSETS[asset]
    headers = {"Cache-Control": keep, "X-Content-Type-Options": "nosniff"}
    packed = name.endswith(".gz")
    if packed and "gzip" in request.headers.get("accept-encoding", ""):
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        packed = False
    body = await asyncio.to_thread(_read, name, packed)
    return Response(body, media_type=media_type, headers=headers)


@cache
def _read(name: str, packed: bool) -> bytes:
    """A file of the package, unpacked if it is packed; there are only a few."""
    data = (STATIC / name).read_bytes()
    return gzip.decompress(data) if packed else data


REFERENCE: Final[list[HTTPRouteHandler]] = [openapi_json, docs, redoc, docs_asset]
