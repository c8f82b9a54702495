"""Both Python clients are typed: a strict checker sees each call's arguments and answer."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).with_name("typed_client.py")


@pytest.mark.full  # the checker takes its time to start, and `make check` uses it already
def test_a_checker_sees_arguments_and_answers_of_both_clients() -> None:
    checker = Path(sys.executable).with_name("pyright")
    done = subprocess.run(
        [str(checker), "--outputjson", str(SAMPLE)],
        cwd=SAMPLE.parents[2],
        capture_output=True,
        check=False,
    )
    seen: dict[int, str] = {}
    for found in json.loads(done.stdout)["generalDiagnostics"]:
        line = found["range"]["start"]["line"] + 1
        revealed = re.search(r'is "([^"]*)"$', found["message"])
        seen[line] = revealed[1] if revealed else found["severity"]
    said = {
        number: text.rsplit("# ", 1)[1]
        for number, text in enumerate(SAMPLE.read_text(encoding="utf-8").splitlines(), 1)
        if "  # " in text
    }
    assert seen == said
