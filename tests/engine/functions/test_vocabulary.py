"""The vocabulary for editors is what the tables and the grammar say."""

from __future__ import annotations

import re
from pathlib import Path

from engine.functions.registry import names
from engine.sql.allow import TABLE_FUNCTIONS
from engine.sql.special_functions import SPECIAL
from engine.sql.vocabulary import encoded, vocabulary
from engine.udf.definition import is_built_in

ROOT = Path(__file__).parents[3]
FILE = ROOT / "controlplane" / "static" / "vocabulary.json"
QUOTED = re.compile(r'"([A-Za-z_ \n]+)"')
# Kin of others that editors need not offer, and what only refuses.
UNSAID = {"numbers_mt", "zeros_mt"}


def test_the_written_vocabulary_is_current() -> None:
    """If this fails: python -m engine.sql.vocabulary > controlplane/static/vocabulary.json"""
    assert FILE.read_text("utf-8") == encoded()


def test_every_function_is_there_with_a_signature_and_a_text() -> None:
    found = vocabulary()["functions"]
    told = {name for one in found for name in (one["name"], *one["aliases"])}
    assert set(names()) <= told
    assert TABLE_FUNCTIONS - told == UNSAID
    for one in found:
        assert one["summary"], one["name"]
        for signature in one["signatures"]:
            assert signature.startswith(f"{one['name']}(") and signature[-1] == ")"
    by_name = {one["name"]: one for one in found}
    assert by_name["array_sum"]["signatures"] == [
        "array_sum(array)",
        "array_sum(lambda, array [, array], ...)",
    ]
    assert by_name["length"]["returns"] == "uint64"


def test_no_function_is_made_up() -> None:
    for one in SPECIAL:
        assert is_built_in(one.name) or one.name in TABLE_FUNCTIONS, one.name


def test_settings_say_what_the_page_says() -> None:
    settings = {one["name"]: one for one in vocabulary()["settings"]}
    assert settings["seek_to"]["default"] == "latest"
    assert settings["keep_versions"]["of"] == ["query", "stream"]
    assert settings["pause_on_start"]["default"] == "0"
    effects = [one for one in settings.values() if one["summary"]]
    assert len(effects) == 27


def test_every_keyword_is_one_of_the_grammar() -> None:
    paths = (path for path in (ROOT / "engine" / "sql").glob("*.py") if path.stem != "vocabulary")
    texts = (text for path in paths for text in QUOTED.findall(path.read_text("utf-8")))
    known = {word for text in texts for word in text.upper().split()}
    assert set(vocabulary()["keywords"]) - known == set()
