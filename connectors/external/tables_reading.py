"""What the clients of external tables share: known columns, the text and the pages of a read."""

from __future__ import annotations

import base64
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

import pyarrow as pa

from connectors import tls
from connectors.external import tables_contract as common
from connectors.external.tables_arrow import Bounded, pages, schema_of, stream_of
from connectors.external.tables_contract import TableError
from engine import table_calls as tc


class Named(Protocol):
    """What is known of a column."""

    @property
    def name(self) -> str:
        """Its name in the database."""
        ...


C = TypeVar("C", bound=Named)


class ReadTable(ABC, Generic[C]):
    """The part of a `tables_contract.TableClient` that reads by the columns that it knows."""

    def __init__(self) -> None:
        self.known: dict[str, C] | None = None
        """The columns by name as they were when it was last looked; None = look again."""

    def chosen(self, known: Mapping[str, C], names: Sequence[str]) -> list[C]:
        """These columns; TableError if one is gone: then all are looked at again."""
        missing = [name for name in names if name not in known]
        if missing:
            self.known = None
            raise TableError(
                f"the table has no column {missing[0]} any more: CREATE OR REPLACE EXTERNAL TABLE "
                "asks for its columns again"
            )
        return [known[name] for name in names]

    @abstractmethod
    def rows(self, asked: tc.TableRead, schema: pa.Schema) -> AsyncGenerator[pa.RecordBatch]:
        """The rows of a read as they come."""

    async def read(self, asked: tc.TableRead) -> AsyncGenerator[tuple[bytes, bool]]:
        """See TableClient.read."""
        schema = schema_of(asked.schema)
        async with (
            aclosing(self.rows(asked, schema)) as rows,
            aclosing(pages(rows, schema)) as all_,
        ):
            async for page in all_:
                yield page


def select(heads: str, table: str, conditions: Sequence[str], limit: int = -1) -> str:
    """A statement; `limit` -1 = all rows."""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    most = f" LIMIT {limit}" if limit >= 0 else ""
    return f"SELECT {heads} FROM {table}{where}{most}"


async def looked_up(rows: AsyncGenerator[pa.RecordBatch], schema: pa.Schema) -> bytes:
    """The rows of one look-up; TableError when they are too many."""
    size = Bounded()
    found: list[pa.RecordBatch] = []
    async with aclosing(rows):
        async for batch in rows:
            size.add(batch)
            found.append(batch)
    return stream_of(found, schema)


def tls_context(settings: Mapping[str, str]) -> ssl.SSLContext:
    """How the settings want a server checked. Reads files: not for the event loop's thread."""
    verify = not common.flag(settings, "skip_ssl_cert_check")
    authority = settings.get("ssl_ca_pem", "")
    if authority and verify:
        return ssl.create_default_context(cadata=authority)
    return tls.context(verify=verify)


def bytes_of(name: str, text: str) -> bytes:
    """The bytes that a column of this name is given as base64; TableError for other texts."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise TableError(f"column {name} takes bytes as base64, not {text[:40]!r}") from None
