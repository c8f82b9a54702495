"""Who follows a seed document step by step: with no credentials, or with a key in the header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.journeys.server import Server
from tests.journeys.waiting import wait_until

# The workspace of the key, which the fixture `server` deletes.
WORKSPACE = "documents"


@dataclass(frozen=True)
class Follower:
    """Calls at the root, as unchanged clients do; `key`: '' where authentication is off."""

    server: Server
    key: str

    @property
    def url(self) -> str:
        """Base address."""
        return self.server.url

    def header(self, name: str = "X-API-Key") -> dict[str, str]:
        """The key in the header that a document's API has for it, if there is one."""
        return {name: self.key} if self.key else {}

    @property
    def space(self) -> str:
        """The workspace in which the calls are."""
        return WORKSPACE if self.key else "default"

    @property
    def api(self) -> str:
        """The v1beta2 root of that workspace, which is never open."""
        return f"{self.url}/{self.space}/api/v1beta2"

    @property
    def headers(self) -> dict[str, str]:
        """Credentials for it."""
        return {"X-Api-Key": self.key or self.server.key}

    def run(self, sql: str) -> httpx.Response:
        """A statement, whatever its answer."""
        body = {"sql": sql, "type": "historical"}
        return httpx.post(f"{self.api}/exec", json=body, headers=self.headers, timeout=60)

    def select(self, sql: str) -> list[list[Any]]:
        """Rows of a bounded query that must succeed."""
        answer = self.run(sql)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


def with_key(server: Server) -> Follower:
    """With the key of a workspace that has nothing in it."""
    made = server.call("POST", "/workspaces", {"name": WORKSPACE})
    assert made.status_code == 201, made.text
    found = Follower(server, made.json()["api_key"])
    wait_until(lambda: found.run("select 1").status_code == 200, 30, "its engine")
    return found
