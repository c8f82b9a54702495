"""Schema registries: schemas by id and by subject, over the REST interface of Confluent's."""

from __future__ import annotations

import base64
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec

from connectors import tls
from connectors.backoff import Backoff
from connectors.formats.contract import FormatContext, RegistryAddress, Undecodable
from connectors.http_client import Answer, Call, HttpClient, Refused
from connectors.sink_contract import NotDelivered
from engine.errors import UserError

SECONDS: Final = 10.0
# The first attempt and two more: a connection that was kept may have been cut meanwhile. Then the
# connector that asks ends, and begins anew with back-off.
ATTEMPTS: Final = 3
RETRY_FIRST_SECONDS: Final = 0.1
RETRY_LAST_SECONDS: Final = 1.0
# Of one answer: a schema as text in JSON. Confluent's own limit is 1 MB.
ANSWER_BYTES_MAX: Final = 4 << 20
# Schemas that are kept by id; a topic has a few.
SCHEMAS_MAX: Final = 1_000
# Files that one schema may refer to, directly or not.
REFERENCES_MAX: Final = 100
# How long an id that the registry does not know is taken for unknown.
UNKNOWN_SECONDS: Final = 30.0
_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_TRANSIENT: Final = frozenset((408, 425, 429))


class _Reference(msgspec.Struct, frozen=True):
    name: str
    subject: str
    version: int


class _Schema(msgspec.Struct, frozen=True):
    schema: str
    schemaType: str = "AVRO"
    references: tuple[_Reference, ...] = ()
    id: int = 0


class _Error(msgspec.Struct, frozen=True):
    message: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema: its type (AVRO, PROTOBUF, JSON), its text, and what it refers to by name."""

    id: int
    type: str
    text: str
    references: tuple[tuple[str, str], ...] = ()


class SchemaRegistry:
    """One registry. For one loop; no I/O before the first question. What it says of an id is kept,
    for that never changes."""

    def __init__(self, address: RegistryAddress, context: FormatContext) -> None:
        self._address = address
        self._context = context
        self._base = address.url.rstrip("/")
        self._own: dict[str, str] = {}
        if address.key or address.secret:
            pair = f"{address.key}:{address.secret}".encode()
            self._own["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        trusted = None
        if address.root_cas or not address.verify:
            trusted = tls.context(verify=address.verify, root_cas=address.root_cas)
        self._http = HttpClient(
            context.clock,
            private=context.private,
            connections=1,
            trusted=trusted,
            answer_bytes_max=ANSWER_BYTES_MAX,
        )
        self._known: OrderedDict[int, Registered | float] = OrderedDict()

    async def schema(self, id_: int) -> Registered:
        """The schema with an id; Undecodable when there is none."""
        known = self._known.get(id_)
        now = self._context.clock.monotonic()
        if isinstance(known, Registered):
            self._known.move_to_end(id_)
            return known
        if known is None or now >= known:
            answer = await self._ask("GET", f"/schemas/ids/{id_}")
            if answer.status != 404:
                found = self._parsed(answer)
                references = await self._references(found)
                return self._keep(
                    id_, Registered(id_, found.schemaType.upper(), found.schema, references)
                )
            self._keep(id_, now + UNKNOWN_SECONDS)
        raise Undecodable(f"the schema registry at {self._host()} has no schema with id {id_}")

    async def latest(self, subject: str) -> Registered | None:
        """The newest schema of a subject; None without one."""
        answer = await self._ask("GET", f"/subjects/{quote(subject, safe='')}/versions/latest")
        if answer.status == 404:
            return None
        found = self._parsed(answer)
        references = await self._references(found)
        return Registered(found.id, found.schemaType.upper(), found.schema, references)

    async def register(self, subject: str, type_: str, text: str) -> int:
        """The id of the schema in the subject, which gets it if it has it not yet. UserError when
        the registry does not take it."""
        body: dict[str, Any] = {"schema": text}
        if type_ != "AVRO":
            body["schemaType"] = type_
        answer = await self._ask(
            "POST", f"/subjects/{quote(subject, safe='')}/versions", msgspec.json.encode(body)
        )
        if answer.status in (404, 409, 422):
            raise self._refused(f"does not take the schema of subject {subject}", answer)
        return self._parsed(answer, {"schema": text}).id

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    def _keep(self, id_: int, what: Registered | float) -> Any:
        self._known[id_] = what
        while len(self._known) > SCHEMAS_MAX:
            self._known.popitem(last=False)
        return what

    async def _references(self, schema: _Schema) -> tuple[tuple[str, str], ...]:
        """The texts of what the schema refers to, and what that refers to."""
        found: dict[str, str] = {}
        waiting = list(schema.references)
        while waiting:
            reference = waiting.pop()
            if reference.name in found:
                continue
            if len(found) >= REFERENCES_MAX:
                raise Undecodable(f"the schema refers to more than {REFERENCES_MAX} others")
            subject = quote(reference.subject, safe="")
            answer = await self._ask("GET", f"/subjects/{subject}/versions/{reference.version}")
            if answer.status == 404:
                raise Undecodable(
                    f"the schema refers to {reference.subject}, which the registry does not have"
                )
            more = self._parsed(answer)
            found[reference.name] = more.schema
            waiting += more.references
        return tuple(found.items())

    async def _ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        """An answer that tells: 200, or 404, 409, 422. UserError for all others."""
        headers = {"accept": _TYPE, **({"content-type": _TYPE} if body else {})}
        call = Call(method, self._base + path, body, headers, self._own, SECONDS)
        backoff = Backoff(self._context.clock.seed(), RETRY_FIRST_SECONDS, RETRY_LAST_SECONDS)
        why = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._context.sleep(backoff.next())
            try:
                answer = await self._http.send(call)
            except NotDelivered as error:
                why = error.message.rstrip(".")
                continue
            except Refused as error:
                raise UserError(f"The schema registry: {error.message}", 400, "orbit") from None
            if answer.status in _TRANSIENT or answer.status >= 500:
                why = f"it answers with status {answer.status}"
                continue
            if answer.status in (401, 403):
                raise self._refused("does not accept the key and its secret", answer)
            if answer.status not in (200, 404, 409, 422):
                raise self._refused("cannot be used", answer)
            return answer
        raise UserError(
            f"The schema registry at {self._host()} cannot be asked: {why}.", 503, "orbit"
        )

    def _parsed(self, answer: Answer, missing: dict[str, Any] | None = None) -> _Schema:
        if answer.status != 200:
            raise self._refused("refuses the question", answer)
        try:
            value = {**(missing or {}), **msgspec.json.decode(answer.body, type=dict)}
            return msgspec.convert(value, _Schema)
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
            # Also one that is longer than what is read.
            raise UserError(
                f"The schema registry at {self._host()} gives no schema; look whether it is one, "
                "and whether its address needs a path.",
                400,
                "orbit",
            ) from None

    def _refused(self, what: str, answer: Answer) -> UserError:
        try:
            why = msgspec.json.decode(answer.body, type=_Error).message
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            why = ""
        for secret in (self._address.secret, self._address.key):
            why = why.replace(secret, "******") if secret else why
        detail = f": {' '.join(why.split())[:300]}" if why else ""
        return UserError(
            f"The schema registry at {self._host()} {what} (status {answer.status}){detail}.",
            400,
            "orbit",
        )

    def _host(self) -> str:
        return self._base.partition("://")[2].partition("/")[0].rpartition("@")[2]
