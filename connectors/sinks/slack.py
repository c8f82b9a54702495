"""Sink `slack`: a message for each row, by an incoming webhook."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final

import msgspec

from connectors import checking, http_delivery, http_looks
from connectors.contract import CheckStep, Secret
from connectors.http_client import Call, HttpClient, Refused
from connectors.http_delivery import Retries, RetryInterval, Timeout, span
from connectors.row_json import ObjectWriter
from connectors.sink_contract import Delivery, Refusal, SinkContext, SinkRow, SinkSpec
from connectors.template import Template

# Slack takes about one message a second and says when it wants more time.
RETRIES_DEFAULT: Final = 3


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of a Slack sink."""

    url: Annotated[
        Secret, msgspec.Meta(title="Webhook", description="URL of the incoming webhook.")
    ]
    template: Annotated[
        str,
        msgspec.Meta(
            title="Message",
            description="Template with fields such as {{ .device }}; the row as JSON if empty.",
        ),
    ] = ""
    trigger_template: Annotated[
        str, msgspec.Meta(title="Trigger message", description="Of an alert that is triggered.")
    ] = ""
    resolve_template: Annotated[
        str, msgspec.Meta(title="Resolve message", description="Of an alert that is resolved.")
    ] = ""
    header: Annotated[
        dict[str, str], msgspec.Meta(title="Headers", description="Sent with each message.")
    ] = {}
    retries: Retries = None
    retry_interval: RetryInterval = "10s"
    timeout: Timeout = "10s"

    def __post_init__(self) -> None:
        """Refuse what cannot be sent."""
        http_delivery.check_url(self.url, "url")
        http_delivery.check_headers(self.header, "header")
        span(self.retry_interval, "retry_interval")
        span(self.timeout, "timeout")

    def message(self, context: SinkContext) -> tuple[str, str]:
        """The template of what the sink is for, and the property it stands in; '' = none."""
        if context.purpose == "triggered" and self.trigger_template:
            return self.trigger_template, "trigger_template"
        if context.purpose == "resolved" and self.resolve_template:
            return self.resolve_template, "resolve_template"
        return self.template, "template"


class SlackSink:
    """See `connectors.sink_contract.Sink`."""

    def __init__(self, config: Config, context: SinkContext) -> None:
        names = [*(column.name for column in context.columns), *context.extras]
        text, name = config.message(context)
        self._config = config
        self._context = context
        self._title = context.title
        self._objects = ObjectWriter(context.columns)
        self._template = Template(text, names, f"property {name!r}") if text else None
        self._client = HttpClient(context.clock, private=context.private, connections=1)

    async def connect(self) -> None:
        """Connections are made by requests."""

    def check(self) -> AsyncIterator[CheckStep]:
        """See `connectors.contract.Checkable`. No message is sent, so that nobody knows whether the
        webhook is one."""
        reach = http_looks.reach(self._config.url, private=self._context.private)
        return checking.steps(self._context.clock, *reach.steps, ("answer", self._answered))

    async def _answered(self) -> str:
        own = {name.lower(): value for name, value in self._config.header.items()}
        seconds = span(self._config.timeout, "timeout")
        return await http_looks.answer(self._client, self._config.url, own, seconds)

    async def deliver(self, rows: Sequence[SinkRow]) -> Sequence[Refusal]:
        """Send the message of the row."""
        (row,) = rows
        known = {"content-type": "application/json", "x-event-id": row.event_id}
        known |= {name.lower(): value for name, value in row.headers}
        given = {name.lower(): value for name, value in self._config.header.items()}
        own = {name: value for name, value in given.items() if name not in known}
        body = msgspec.json.encode({"text": self._text(row)})
        seconds = span(self._config.timeout, "timeout")
        try:
            answer = await self._client.send(
                Call("POST", self._config.url, body, known, own, seconds)
            )
        except Refused as error:
            return (Refusal(0, error.message),)
        return http_delivery.outcome(answer)

    def _text(self, row: SinkRow) -> str:
        if self._template is not None:
            return self._template.render(row.values)
        text = self._objects.write(row.values).decode()
        return f"{self._title}\n{text}" if self._title else text

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def _delivery(config: Config, context: SinkContext) -> Delivery:
    return http_delivery.delivery(
        config.retries, config.retry_interval, 1, context, default=RETRIES_DEFAULT
    )


def _secrets(config: Config) -> frozenset[str]:
    return http_delivery.secret_headers(config.header, "header")


spec = SinkSpec(
    name="slack",
    title="Slack",
    summary="A message for each row, by an incoming webhook.",
    guarantee="at least once",
    icon="slack",
    config=Config,
    create=SlackSink,
    delivery=_delivery,
    secrets=_secrets,
    client=("httpx",),
)
