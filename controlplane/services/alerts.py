"""Alerts: two queries in the engine, an action in the connector process, an incident between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from connectors import alert_letters, incidents
from connectors.contract import AlertAction, AlertDefinition, CheckStep
from connectors.metrics import SourceCounters
from connectors.status import SourceStatus
from controlplane import problems
from controlplane.auth import Principal
from controlplane.db.tables import Alert
from controlplane.services import alert_actions, secrets, trials
from controlplane.services.authored import check_text, check_texts
from controlplane.services.connector_rows import Means, reach
from controlplane.services.deliveries import (
    SQL_CHARS_MAX,
    Deliveries,
    Plan,
    Shown,
    plans_of,
    stream_of,
)
from controlplane.services.engines import starting
from controlplane.services.names import milliseconds
from controlplane.services.queries import in_sql
from controlplane.services.replays import letters_of
from controlplane.services.trials import Told
from engine.errors import EngineUnavailable, NotFound
from engine.protocol import Engine, ResultColumn

# The record of the engine that holds the incident of an alert.
INSTANCE: Final = "instance"
# Longer than anybody stays away.
COOLDOWN_MS_MAX: Final = 30 * 86_400_000


class NewAlert(msgspec.Struct, frozen=True):
    """An alert as the caller wants it; without `resolve_sql` people resolve it."""

    name: str
    action: str
    severity: int
    trigger_sql: str
    resolve_sql: str = ""
    description: str = ""
    properties: dict[str, Any] = {}
    actions: tuple[AlertAction, ...] = ()
    cooldown: str = ""


class Transition(msgspec.Struct, frozen=True):
    """A change that an alert would have made: when, to what, and the row that made it."""

    time_ms: int
    type: incidents.Status
    row: dict[str, msgspec.Raw]


class Tested(msgspec.Struct, frozen=True):
    """What an alert would have done; `truncated`: it was looked at up to `transitions_max` changes
    only."""

    transitions: tuple[Transition, ...]
    scanned_rows: int
    transitions_max: int
    truncated: bool


class Moment(msgspec.Struct, frozen=True):
    """A change of an incident; `type` is triggered or resolved."""

    timestamp: int
    type: str


class Incident(msgspec.Struct, frozen=True):
    """The state of an alert: the newest changes last. `id` is '' before the first trigger."""

    id: str = ""
    status: str = "resolved"
    timeline: tuple[Moment, ...] = ()


class ShownAlert(msgspec.Struct, frozen=True):
    """An alert with what it does and its incident."""

    row: Alert
    shown: Shown
    instance: Incident


_incident = msgspec.json.Decoder(Incident).decode
_values = msgspec.json.Decoder(list[msgspec.Raw]).decode


class AlertService(Deliveries[Alert]):
    """Create, change, start, stop and resolve alerts."""

    afresh = True

    def __init__(self, means: Means) -> None:
        super().__init__("alert", means.directory.alerts, means)
        self.seal_stored = self._seal_all

    @property
    def now_ms(self) -> int:
        """The time up to which its queries last."""
        return self._means.clock.now_ms()

    def _queries(self, row: Alert) -> tuple[str, ...]:
        return (row.trigger_sql, row.resolve_sql) if row.resolve_sql else (row.trigger_sql,)

    def _target(self, row: Alert) -> tuple[str, str]:
        return row.action, row.name

    def written(self, row: Alert) -> tuple[str, ...]:
        """See Deliveries.written; of all its actions."""
        names = [*super().written(row)]
        for action in alert_actions.shown(row.actions or {}):
            names += stream_of(action.action, action.properties)
        return tuple(dict.fromkeys(names))

    async def _deliver(
        self, workspace: str, row: Alert, begin: SourceCounters | None
    ) -> SourceStatus:
        trigger, resolve = _headers(row)
        definition = AlertDefinition(
            id=row.id,
            workspace=workspace,
            name=row.name,
            action=row.action,
            severity=row.severity,
            properties=self._rows.opened(row),
            trigger_header=trigger,
            resolve_header=resolve,
            queries=self._queries(row),
            actions=alert_actions.opened(self._means.vault, self._rows.owner(row.id), row.actions),
            cooldown_ms=_cooldown_ms(row.cooldown),
        )
        return await self._connectors.start_alert(definition, begin)

    async def _give_up(self, engine: Engine, row: Alert, plans: list[Plan]) -> None:
        """See Deliveries._give_up; its messages that were not sent."""
        resolve = plans[1].header if len(plans) > 1 else ()
        owner = self._rows.owner(row.id)
        await alert_letters.give_up_all(engine, owner, plans[0].header, resolve)

    async def letters(self, principal: Principal) -> dict[str, str]:
        """The names of the dead-letter streams by alert, of those that have one."""
        return letters_of(await self._engines.of(principal.workspace), self._rows.owner(""))

    async def list(self, principal: Principal) -> list[ShownAlert]:
        """All alerts by name with what they do."""
        return await self._with_incidents(principal, await self._rows.of(principal).list("name"))

    async def states(self, principal: Principal) -> list[tuple[Alert, Shown]]:
        """All alerts by name with what they do, without incidents: also while the engine starts."""
        return await self._shown(principal, await self._rows.of(principal).list("name"))

    async def get(self, principal: Principal, alert_id: str) -> ShownAlert:
        """One alert; 404."""
        row = await self._rows.get(principal, alert_id)
        return (await self._with_incidents(principal, [row]))[0]

    async def _with_incidents(
        self, principal: Principal, rows: Sequence[Alert]
    ) -> list[ShownAlert]:
        """The incidents are the engine's: one that is starting is waited for."""
        if not rows:
            return []
        engine = await (await self._engines.of(principal.workspace)).engine()
        owners = tuple(self._rows.owner(row.id) for row in rows)
        try:
            shown, saved = await asyncio.gather(self._shown(principal, rows), engine.saved(owners))
        except EngineUnavailable:
            raise starting() from None
        found = (saved.get(owner, {}).get(INSTANCE) for owner in owners)
        incidents = [Incident() if text is None else _incident(text) for text in found]
        return [
            ShownAlert(row, state, incident)
            for (row, state), incident in zip(shown, incidents, strict=True)
        ]

    async def create(self, principal: Principal, new: NewAlert) -> ShownAlert:
        """Store and start an alert; 400 unless its queries are one streaming SELECT each and its
        properties fit its action and the columns of the queries."""
        _check(new)
        row = Alert(
            name=new.name,
            description=new.description,
            action=new.action,
            severity=new.severity,
            trigger_sql=new.trigger_sql,
            resolve_sql=new.resolve_sql,
            cooldown=new.cooldown,
            actions={},
            renew=False,
        )
        row.plans = await self._check(principal, self._queries(row))
        self._rows.begin(principal, row)
        row.properties = await self._sealed(row, new.properties)
        row.actions = await self._sealed_actions(row, new.actions)
        await self._create(principal, row)
        return await self.get(principal, row.id)

    async def _sealed(self, row: Alert, given: dict[str, Any]) -> dict[str, Any]:
        """Properties as they are stored; 400 for those that do not fit action or columns."""
        trigger, resolve = _headers(row)

        async def validate(given: dict[str, Any]) -> frozenset[str]:
            return await self._connectors.validate_sink(
                row.action, given, trigger, alert=True, resolve_columns=resolve
            )

        return await self._rows.sealed(row.id, given, validate)

    async def _sealed_actions(self, row: Alert, given: Sequence[AlertAction]) -> dict[str, Any]:
        """Further actions as they are stored; 400 as of the alert's own."""
        trigger, resolve = _headers(row)

        async def validate(action: str, properties: dict[str, Any]) -> frozenset[str]:
            return await reach(
                self._connectors.validate_sink(
                    action, properties, trigger, alert=True, resolve_columns=resolve
                )
            )

        vault, owner = self._means.vault, self._rows.owner(row.id)
        return await alert_actions.sealed(vault, owner, given, validate)

    async def _seal_all(self) -> None:
        """See ConnectorRows.seal_stored; the secrets of further actions too."""
        await self._rows.seal_stored()
        vault = self._means.vault
        for place in await self._means.directory.workspaces():
            rows = self._rows.within(place.id)
            for row in await rows.list("created_at_ms"):
                ids = secrets.key_ids(row.actions)
                vault.check(f"The alert {row.name} of workspace {place.name}", ids)
                again = alert_actions.resealed(vault, self._rows.owner(row.id), row.actions)
                if again is not None:
                    await rows.update(row.id, actions=again)

    async def test(self, principal: Principal, queries: Sequence[str], minutes: int) -> Tested:
        """What an alert with these queries would have done in the last minutes; 400."""
        for query in queries:
            check_text(query, "SQL", SQL_CHARS_MAX)
        engine = await (await self._engines.of(principal.workspace)).engine()
        found = await in_sql(engine.backtest_background(tuple(queries), minutes))
        names = [[column.name for column in header] for header in found.headers]
        transitions: list[Transition] = []
        instance = incidents.Instance()
        for each in found.rows:
            before, row = instance, _values(each.row)
            instance = incidents.observed(before, each.query, tuple(row), each.time_ms, "test")
            if instance is not before:
                shown = dict(zip(names[each.query], row, strict=True))
                transitions.append(Transition(each.time_ms, instance.status, shown))
        return Tested(tuple(transitions), found.scanned_rows, found.rows_max, found.truncated)

    async def send_message(
        self, principal: Principal, told: Told, trigger_sql: str, row: dict[str, Any]
    ) -> list[tuple[str, list[CheckStep]]]:
        """Tell the actions of an alert that is not stored, marked as a test; 400."""
        for action in told.actions:
            secrets.refuse_sealed(action.properties)
            secrets.refuse_masks(action.properties, ())
        alert_actions.check_count(told.actions[1:])
        if trigger_sql:
            plans = await self._check(principal, (trigger_sql,))
            told = msgspec.structs.replace(told, columns=plans_of(Alert(plans=plans))[0].header)
        return await trials.send_message(self._connectors, principal.workspace, told, row)

    async def send_stored(
        self, principal: Principal, alert_id: str, row: dict[str, Any]
    ) -> list[tuple[str, list[CheckStep]]]:
        """The same of a stored one, with its secrets; 404."""
        found = await self._rows.get(principal, alert_id)
        vault, owner = self._means.vault, self._rows.owner(found.id)
        actions = alert_actions.opened(vault, owner, found.actions)
        own = AlertAction(found.action, self._rows.opened(found))
        told = Told(found.name, found.severity, (own, *actions), _headers(found)[0])
        return await trials.send_message(self._connectors, principal.workspace, told, row)

    async def replace(self, principal: Principal, alert_id: str, new: NewAlert) -> ShownAlert:
        """Put another definition in its place, also while it runs; its queries begin anew and its
        state is resolved. What it has not sent becomes dead letters; 507 if there is no room."""
        _check(new)
        async with self._rows.lock(alert_id):
            row = await self._rows.own(principal, alert_id)
            asked = Alert(
                id=row.id,
                action=new.action,
                trigger_sql=new.trigger_sql,
                resolve_sql=new.resolve_sql,
            )
            asked.plans = await self._check(principal, self._queries(asked))
            same = new.action == row.action
            given = self._rows.unmasked(row, new.properties, merge=False, same_type=same)
            vault, owner = self._means.vault, self._rows.owner(row.id)
            actions = alert_actions.unmasked(vault, owner, row.actions, new.actions)
            values: dict[str, Any] = {
                "name": new.name,
                "description": new.description,
                "action": new.action,
                "severity": new.severity,
                "trigger_sql": new.trigger_sql,
                "resolve_sql": new.resolve_sql,
                "plans": asked.plans,
                "properties": await self._sealed(asked, given),
                "actions": await self._sealed_actions(asked, actions),
                "cooldown": new.cooldown,
                "renew": True,
                **self._rows.touched(principal),
            }
            await self._replace(principal, row, values)
        return await self.get(principal, alert_id)

    async def resolve(self, principal: Principal, alert_id: str) -> None:
        """Resolve it by hand, without a message; fine if it is resolved already. The incident is
        the engine's, which is started or waited for."""
        async with self._rows.lock(alert_id):
            row = await self._rows.own(principal, alert_id)
            await (await self._engines.of(principal.workspace)).engine()
            try:
                await reach(self._connectors.resolve_alert(principal.workspace, row.id))
            except NotFound:  # its queries never ran: there is nothing to resolve
                return


def _headers(row: Alert) -> tuple[tuple[ResultColumn, ...], tuple[ResultColumn, ...]]:
    """Columns of its trigger, and of its resolve query if there is one."""
    plans = plans_of(row)
    return plans[0].header, plans[1].header if len(plans) > 1 else ()


def _check(new: NewAlert) -> None:
    check_texts(new.name, new.description)
    if new.severity < 0:
        raise problems.bad_request("The severity is 0 or more; 1, 2 and 3 are shown by name.")
    alert_actions.check_count(new.actions)
    _cooldown_ms(new.cooldown)


def _cooldown_ms(text: str) -> int:
    """Milliseconds of a cool-down; 400 unless it is a duration of up to 30 days."""
    found = milliseconds(text, "cooldown") if text else 0
    if not 0 <= found <= COOLDOWN_MS_MAX:
        raise problems.bad_request("The cooldown is 0 to 30d.")
    return found
