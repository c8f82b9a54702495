"""Texts and epoch numbers to ticks of a date or date-time column, one value or a column at once."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.errors import Code
from engine.ingest.unfit import Unfit, shown
from engine.types import DataType, time_unit
from engine.zones import offset_of_local, to_utc

PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DIGITS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_INT64: Final = 1 << 63
_EPOCH_ORDINAL: Final = datetime.date(1970, 1, 1).toordinal()
# The years 1 to 9999, and a day on either side for zones.
_SECONDS_MIN: Final = -62_135_596_800 - 86_400
_SECONDS_MAX: Final = 253_402_300_799 + 86_400
# A number is seconds below the first, milliseconds below the second, microseconds below the
# third, else nanoseconds: as seconds the first is the year 5138, as milliseconds 1973.
_EPOCH_STEPS: Final = (10**11, 10**14, 10**17)
_EPOCH_PER_SECOND: Final = (1, 1_000, 1_000_000, 1_000_000_000)
# As in the dialect: a date given as a small number is days, a larger one an instant.
_DAYS_MAX: Final = 65_535
_EXACT: Final = Context(prec=60)
_CHARACTERS_MAX: Final = 64  # of a time, with room for digits that are cut off
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)
_TEXT = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
    r"(?:(?:[Tt]| +)(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:[.,](\d+))?)?)?)?"
    r"\s*(?:(Z|z|UTC|GMT)|([+-])(\d{2}):?(\d{2})?)?\Z",
    re.ASCII,
)


def parse_ticks(text: str, t: DataType) -> int:
    """Ticks of the column's storage unit for a date-time text or an epoch number as text.

    A text without offset is a wall-clock time of the column's display zone. Digits beyond the
    scale are cut off. Raises Unfit.
    """
    text = _stripped(text, t)
    if _NUMBER.match(text) and len(text) != 4:
        return epoch_ticks(text, t)
    seconds, fraction, offset = _parse(text, t)
    if offset is None:
        offset = offset_of_local(seconds, t.zone) if t.zone else 0
    unit = time_unit(t)
    kept = fraction[: t.scale].ljust(_DIGITS[unit], "0")
    ticks = (seconds - offset) * PER_SECOND[unit] + int(kept or "0")
    return _in_range(ticks, text, t)


def parse_days(text: str, t: DataType) -> int:
    """Days since the epoch for a date, a date-time (its date as written) or a number as text."""
    text = _stripped(text, t)
    if _NUMBER.match(text) and len(text) != 4:
        number = Decimal(text)
        if number == number.to_integral_value() and abs(number) <= _DAYS_MAX:
            return int(number)
        seconds = int(_seconds(number).to_integral_value(ROUND_FLOOR))
        if not _SECONDS_MIN <= seconds <= _SECONDS_MAX:
            raise Unfit(f"{shown(text)} is out of the range of {t}")
        return seconds // 86_400
    return _parse(text, t)[0] // 86_400


def epoch_ticks(text: str, t: DataType) -> int:
    """Ticks for a number: seconds, or by its size milli-, micro- or nanoseconds."""
    unit = time_unit(t)
    ticks = _EXACT.multiply(_seconds(Decimal(text)), Decimal(PER_SECOND[unit]))
    step = 10 ** (_DIGITS[unit] - t.scale) if t.scale < _DIGITS[unit] else 1
    whole = int(ticks.to_integral_value(ROUND_FLOOR))
    return _in_range(whole // step * step, text, t)


def _stripped(text: str, t: DataType) -> str:
    text = text.strip()
    if len(text) > _CHARACTERS_MAX:
        raise Unfit(f"cannot read {shown(text)} as {t}")
    return text


def _seconds(number: Decimal) -> Decimal:
    step = next((i for i, top in enumerate(_EPOCH_STEPS) if abs(number) < top), 3)
    return _EXACT.divide(number, Decimal(_EPOCH_PER_SECOND[step]))


def _parse(text: str, t: DataType) -> tuple[int, str, int | None]:
    """Seconds as if in UTC, fraction digits, offset in seconds (None = none written)."""
    match = _TEXT.match(text)
    if match is None:
        raise Unfit(f"cannot read {shown(text)} as {t}")
    year, month, day, hour, minute, second, fraction, utc, sign, off_hour, off_minute = (
        match.groups()
    )
    try:
        days = datetime.date(int(year), int(month), int(day)).toordinal() - _EPOCH_ORDINAL
        clock = datetime.time(int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError as error:
        raise Unfit(f"cannot read {shown(text)} as {t}: {error}") from None
    seconds = days * 86_400 + clock.hour * 3_600 + clock.minute * 60 + clock.second
    offset: int | None = 0 if utc else None
    if sign:
        offset = (int(off_hour) * 3_600 + int(off_minute or 0) * 60) * (-1 if sign == "-" else 1)
    return seconds, fraction or "", offset


def _in_range(ticks: int, text: str, t: DataType) -> int:
    seconds = ticks // PER_SECOND[time_unit(t)]
    if not (-_INT64 <= ticks < _INT64 and _SECONDS_MIN <= seconds <= _SECONDS_MAX):
        raise Unfit(f"{shown(text)} is out of the range of {t}")
    return ticks


def time_column(values: Sequence[object], t: DataType) -> pa.Array:
    """A whole column of texts, or of integers, or None; raises where one by one is needed."""
    first = next((v for v in values if v is not None), "")
    if isinstance(first, int):
        return _epoch_column(values, t)
    texts = pa.array(values, pa.string())  # a number among texts: TypeError
    return text_ticks(texts, t)


def text_ticks(texts: pa.Array, t: DataType) -> pa.Array:
    """A column of ISO 8601 texts to the column's storage; all with an offset or none.

    Tried are the stored unit, then a finer one (more digits than the scale), then both with
    offsets; raises pa.ArrowInvalid if nothing fits all.
    """
    unit = time_unit(t)
    for zone in (None, "UTC"):
        for parsed in dict.fromkeys((unit, _FINER[unit])):
            target = pa.timestamp(parsed, zone)
            if not _sample_fits(texts, target):
                continue
            try:
                naive = texts.cast(target).cast(pa.timestamp(parsed))
            except pa.ArrowInvalid:
                continue
            if zone is None and t.zone:
                naive = to_utc(naive, t.zone)
            return to_unit(naive, t)
    raise pa.ArrowInvalid(f"not all are texts of {t}")


def _sample_fits(texts: pa.Array, target: pa.DataType) -> bool:
    """Whether the first text can be cast: a cast that fails for many is 30 times slower."""
    if len(texts) < _SAMPLE_FROM:
        return True
    first = texts.slice(0, _SAMPLE_FROM).drop_null().slice(0, 1)
    try:
        first.cast(target)
    except pa.ArrowInvalid:
        return False
    return True


_SAMPLE_FROM: Final = 16  # texts from which a sample is worth its cost
_FINER = {"s": "us", "ms": "us", "us": "ns", "ns": "ns"}


def to_unit(times: pa.Array, t: DataType) -> pa.Array:
    """Timestamps of any unit as those of a column: finer digits are cut off towards the past.

    Raises OverflowError if a time does not fit the unit.
    """
    unit = time_unit(t)
    target = pa.timestamp(unit)
    have, want = PER_SECOND[times.type.unit], PER_SECOND[unit]
    cut = 10 ** (_DIGITS[unit] - t.scale) if t.scale < _DIGITS[unit] else 1
    if times.type == target and cut == 1:
        return times
    mask = times.is_null().to_numpy(zero_copy_only=False) if times.null_count else None
    ticks = times.cast(pa.int64()).fill_null(0).to_numpy()
    if want < have:
        ticks = ticks // (have // want)
    elif want > have:
        ticks = _scaled(ticks, want // have)
    if cut > 1:
        ticks = ticks // cut * cut
    return pa.array(ticks, pa.int64(), mask=mask).cast(target)


def _scaled(ticks: npt.NDArray[np.int64], factor: int) -> npt.NDArray[np.int64]:
    limit = (_INT64 - 1) // factor
    if len(ticks) and (int(ticks.max()) > limit or int(ticks.min()) < -limit):
        raise OverflowError("time out of range")
    return ticks * factor


def _epoch_column(values: Sequence[object], t: DataType) -> pa.Array:
    """Integers, all of one size class (seconds, milliseconds, ...), to ticks."""
    numbers = pa.array(values, pa.int64())  # a text or float among integers: an error
    return epoch_column(numbers, t)


def epoch_column(numbers: pa.Array, t: DataType) -> pa.Array:
    """An int64 column of epoch numbers as date-times; raises Unfit if their sizes are mixed."""
    given = numbers.drop_null().to_numpy()
    if len(given) == 0:
        return numbers.cast(pa.timestamp(time_unit(t)))
    largest = max(abs(int(given.max())), abs(int(given.min())))
    step = next((i for i, top in enumerate(_EPOCH_STEPS) if largest < top), 3)
    smallest = int(np.abs(given).min())
    if step and smallest < _EPOCH_STEPS[step - 1]:
        raise Unfit("epoch numbers of different units", Code.INCORRECT_DATA)
    unit = ("s", "ms", "us", "ns")[step]
    return to_unit(numbers.cast(pa.timestamp(unit)), t)
