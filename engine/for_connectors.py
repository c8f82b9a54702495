"""Makes what the connectors talk to: background queries, and the appends of sources."""

from __future__ import annotations

from engine.backgrounds import Backgrounds, Ran
from engine.cursors import CursorBook
from engine.letterbox import Letterbox
from engine.runner import Parts
from engine.sources import Sources


def for_connectors(parts: Parts, ran: Ran, book: CursorBook) -> tuple[Backgrounds, Sources]:
    """Both, over the same dead letters."""
    settings = parts.settings
    ran.statements.letters_days = settings.dead_letter_days
    ran.views.letters_bytes_max = settings.dead_letter_bytes_max
    letterbox = Letterbox(parts.storage, ran.statements, parts.context.clock, settings)
    return Backgrounds(parts, ran, book, letterbox), Sources(parts, letterbox, book)
