"""xxHash against values of the reference implementation, at every border of its word sizes."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from engine.duck import Session
from engine.functions import registry
from engine.functions.table import Arg
from engine.types import STRING, nullable

# Length of a text of "0123456789abcdef" again and again, and its hashes of 32 and 64 bits.
REFERENCE = (
    (0, 0x02CC5D05, 0xEF46DB3751D8E999),
    (1, 0x48454CB2, 0x633457081244AFEC),
    (3, 0x48009497, 0x1C2DCB4B9024D73D),
    (4, 0x0A0B4C93, 0x4C33072B45647DCB),
    (5, 0x8AA3B71C, 0x34CB4C2EE6166F65),
    (7, 0x1907AD24, 0x97EE4FE4A0FF4DFA),
    (8, 0x189BBFBF, 0xE4BA22A49AD89D3F),
    (9, 0x0493D634, 0x43ECC9248BC07D20),
    (12, 0xBA508D84, 0x862E292326B8A4FC),
    (15, 0x1DBDFA0F, 0x4BB51A30968E6A4D),
    (16, 0xC2C45B69, 0x5C5B90C34E376D0B),
    (17, 0xAA9118BD, 0xF4E911320106D43C),
    (20, 0x6350964E, 0x11EBA54C71CF5D2A),
    (31, 0x82370882, 0x1FDFC63FEBACFDE7),
    (32, 0xEB888D30, 0x642A94958E71E6C5),
    (33, 0x5C28F38D, 0xE87684F08D6D0816),
    (39, 0xEF628DC3, 0xE97F503D26863ECD),
    (47, 0x2745A818, 0xCEB8C23313303CFC),
    (63, 0x63DB517D, 0x3FA8CEEC90675311),
    (64, 0xE717E5FB, 0x1AF3AC4760FE2F85),
    (65, 0x3EA001F1, 0x833CD5AA4EFE57A5),
    (100, 0xCD7272F4, 0xB8D0392D109C0400),
    (1000, 0x02FA315C, 0x21FBD0A88830C140),
)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


def hashes(session: Session, bits: int, texts: list[str | None]) -> list[int | None]:
    """All in one statement, so that texts of all lengths share its vectors."""
    entry = registry.scalar(f"xx_hash{bits}")
    assert entry is not None
    found = entry.render((Arg('"s"', nullable(STRING)),))
    session.register("__texts", pa.table({"s": pa.array(texts, pa.string())}))
    return session.query(f"SELECT {found.sql} AS r FROM __texts").column(0).to_pylist()


@pytest.mark.parametrize("bits", [32, 64])
def test_values_of_the_reference(session: Session, bits: int) -> None:
    texts: list[str | None] = [("0123456789abcdef" * 63)[:length] for length, _, _ in REFERENCE]
    expected = [row[bits // 32] for row in REFERENCE]
    assert hashes(session, bits, texts) == expected


def test_published_values(session: Session) -> None:
    text = "Nobody inspects the spammish repetition"
    assert hashes(session, 32, ["abc", text]) == [0x32D153FF, 0xE2293B2F]
    assert hashes(session, 64, ["abc", text]) == [0x44BC2CF5AD770999, 0xFBCEA83C8A378BF1]


def test_bytes_and_not_characters_are_hashed(session: Session) -> None:
    assert hashes(session, 64, ["é漢"]) == [11757842940029005332]


def test_null_is_null(session: Session) -> None:
    assert hashes(session, 64, [None, ""]) == [None, 0xEF46DB3751D8E999]


@pytest.mark.parametrize("bits", [32, 64])
def test_very_long_texts_are_refused(session: Session, bits: int) -> None:
    with pytest.raises(Exception, match="code 69"):
        hashes(session, bits, ["x" * ((1 << 20) + 1)])
