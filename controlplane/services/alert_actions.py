"""Further actions of an alert: checked, sealed where they are stored, masked where they are shown.

They stand in the alert's row by number, from "1" on: `{"1": {"action": TYPE, "properties": {}}}`,
so that a secret's dotted name says which action it is of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from connectors.contract import AlertAction
from controlplane import problems
from controlplane.services import secrets
from controlplane.services.secrets import Vault

# Beside the one of the contract: each may have a connection, and a message under way.
ACTIONS_MAX: Final = 8

Stored = dict[str, Any]
# Type and properties of an action -> dotted names of its secrets; 400 for what does not fit.
Validate = Callable[[str, dict[str, Any]], Awaitable[frozenset[str]]]


def check_count(actions: Sequence[AlertAction]) -> None:
    """400 for more than an alert may have."""
    if len(actions) > ACTIONS_MAX:
        raise problems.bad_request(
            f"An alert has up to {ACTIONS_MAX} actions beside its own, not {len(actions)}."
        )


def unmasked(
    vault: Vault, owner: str, stored: Stored, given: Sequence[AlertAction]
) -> list[AlertAction]:
    """What was given, with the stored values of secrets that came back masked: those of the action
    of the same number, if it is of the same type. 400 as for the alert's own properties."""
    opened = vault.opened(stored, owner)
    found: list[AlertAction] = []
    for number, action in enumerate(given, 1):
        secrets.refuse_sealed(action.properties)
        before = opened.get(str(number))
        if before is None or before["action"] != action.action:
            found.append(action)
            continue
        names = secrets.sealed_names(stored[str(number)]["properties"])
        whole = secrets.kept(action.properties, before["properties"], names)
        secrets.refuse_elsewhere(action.properties, whole, before["properties"], names)
        found.append(AlertAction(action.action, whole))
    return found


async def sealed(
    vault: Vault, owner: str, actions: Sequence[AlertAction], validate: Validate
) -> Stored:
    """Actions as they are stored; 400 for one that does not fit, which it names."""
    whole: Stored = {}
    names: set[str] = set()
    for number, action in enumerate(actions, 1):
        secrets.refuse_sealed(action.properties)
        found = await validate(action.action, action.properties)
        secrets.refuse_masks(action.properties, found)
        names |= {f"{number}.properties.{name}" for name in found}
        whole[str(number)] = msgspec.to_builtins(action)
    return vault.sealed(whole, names, owner)


def opened(vault: Vault, owner: str, stored: Stored) -> tuple[AlertAction, ...]:
    """The actions with their secrets, in order; SecretsError."""
    return _in_order(vault.opened(stored, owner))


def shown(stored: Stored) -> tuple[AlertAction, ...]:
    """The actions as they may be shown, in order."""
    return _in_order(secrets.masked(stored))


def resealed(vault: Vault, owner: str, stored: Stored) -> Stored | None:
    """The same under the newest key; None if they are. SecretsError without the key."""
    if not vault.stale(stored):
        return None
    return vault.sealed(vault.opened(stored, owner), secrets.sealed_names(stored), owner)


def _in_order(actions: Mapping[str, Any]) -> tuple[AlertAction, ...]:
    ordered = sorted(actions.items(), key=lambda item: int(item[0]))
    return tuple(msgspec.convert(action, AlertAction) for _, action in ordered)
