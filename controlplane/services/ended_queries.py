"""Records of ended queries: the newest ones, bounded in number, age and bytes of SQL."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from controlplane.services.live_query import QueryRecord

# Text of all records that one workspace keeps; one counts as it is shown, its SQL three times.
TEXT_BYTES_MAX: Final = 16 << 20


class Sought(msgspec.Struct, frozen=True):
    """Which records are asked for; what is empty does not matter. `user`: the name of who ran it;
    `text`: part of its SQL or name, in any case."""

    tag: str = ""
    status: str = ""
    user: str = ""
    text: str = ""

    def fits(self, record: QueryRecord) -> bool:
        """Whether a record is one of them, its tag aside."""
        if self.status and record.status != self.status:
            return False
        if self.user and record.caller.name != self.user:
            return False
        text = self.text.casefold()
        return text in record.sql.casefold() or text in record.name.casefold()


class EndedQueries:
    """The records of one workspace in order of their end."""

    def __init__(self, records_max: int, text_bytes_max: int = TEXT_BYTES_MAX) -> None:
        self._records: OrderedDict[str, QueryRecord] = OrderedDict()
        self._records_max = records_max
        self._text_bytes_max = text_bytes_max
        self._text_bytes = 0

    def keep(self, record: QueryRecord) -> None:
        """Add one; the oldest go when there are too many or too long ones."""
        _share_text(record)
        self._records[record.id] = record
        self._text_bytes += _text_bytes(record)
        while self._records and (
            len(self._records) > self._records_max or self._text_bytes > self._text_bytes_max
        ):
            self._remove(next(iter(self._records)))

    def get(self, query_id: str) -> QueryRecord | None:
        """One record."""
        return self._records.get(query_id)

    def forget(self, query_id: str) -> None:
        """Remove one if it is there."""
        if query_id in self._records:
            self._remove(query_id)

    def since(self, oldest_ms: int) -> list[QueryRecord]:
        """All records; those that ended before `oldest_ms` are forgotten."""
        while self._records and next(iter(self._records.values())).end_ms < oldest_ms:
            self._remove(next(iter(self._records)))
        return list(self._records.values())

    def _remove(self, query_id: str) -> None:
        self._text_bytes -= _text_bytes(self._records.pop(query_id))


def _share_text(record: QueryRecord) -> None:
    """Hold equal texts once: the analysis came over the socket with copies of its own."""
    opened = record.opened
    if opened is None:
        return
    analysis = opened.analysis
    shared = msgspec.structs.replace(
        analysis,
        original_query=_same(analysis.original_query, record.sql),
        rewritten_query=_same(analysis.rewritten_query, record.sql),
    )
    record.opened = msgspec.structs.replace(opened, analysis=shared)


def _same(text: str, known: str) -> str:
    return known if text == known else text


def _text_bytes(record: QueryRecord) -> int:
    """What the record's texts take when it is shown."""
    texts = [record.sql, record.message, record.name, record.description, *record.tags]
    if record.opened is not None:
        analysis = record.opened.analysis
        texts += [analysis.original_query, analysis.rewritten_query]
        for column in (*analysis.required_columns, *analysis.result_columns):
            texts += [column.column, column.column_type, column.table]
    return sum(map(len, texts))
