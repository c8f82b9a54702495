"""The command line in this process against a control plane behind a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from controlplane.cli import main
from tests.controlplane.conftest import KEY, Plane, listening

NOBODY = Path("/nobody")


@dataclass
class CommandLine:
    """Runs `tailrace` with a server and a key in the environment."""

    url: str
    key: str = KEY
    folder: Path = NOBODY

    async def run(self, *arguments: str, input: str = "", status: int = 0) -> Result:
        """What the command printed; AssertionError when it ends with another status."""
        environment = {
            "TAILRACE_URL": self.url,
            "TAILRACE_API_KEY": self.key,
            "XDG_CONFIG_HOME": str(self.folder),
        }
        runner = CliRunner(env=environment)
        result = await asyncio.to_thread(runner.invoke, main, arguments, input=input)
        assert result.exit_code == status, (result.output, result.exception)
        return result

    async def json(self, *arguments: str, input: str = "") -> Any:
        """What it printed as JSON."""
        result = await self.run(*arguments, "--output", "json", input=input)
        return json.loads(result.stdout)


@asynccontextmanager
async def command_line(plane: Plane) -> AsyncIterator[CommandLine]:
    """The command line of the plane's first admin."""
    async with listening(plane.app) as url:
        yield CommandLine(url)
