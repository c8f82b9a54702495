"""`tailrace doctor`: looks for what is wrong with a server, and says what to do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from controlplane.commands.options import connected
from controlplane.commands.output import Output, printable

if TYPE_CHECKING:
    from controlplane.client import Client

FAILED: Final = 1
MARKS: Final = {"ok": "ok", "warning": "warning", "failed": "FAILED", "skipped": "skipped"}
COLORS: Final = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "cyan"}


@click.command()
@connected
def doctor(client: Client, out: Output) -> None:
    """Check a server: reachable, ready, key, clock, engines, disk, sources, sinks, alerts, views.

    The exit status is 1 when a check failed; each finding says the way out.
    """
    from controlplane.commands.checks import Finding, Ward
    from engine.clock import SystemClock

    found: list[Finding] = []
    for finding in Ward(client, SystemClock()).findings():
        found.append(finding)
        if not out.json:
            mark = click.style(f"{MARKS[finding.state]:<7}", fg=COLORS[finding.state])
            click.echo(f"{mark} | {printable(finding.check)} | {printable(finding.message)}")
            if finding.way_out:
                click.echo(f"        | {'':<{len(finding.check)}} | -> {finding.way_out}")
    failed = sum(finding.state == "failed" for finding in found)
    if out.json:
        out.document({"healthy": not failed, "findings": found})
    else:
        click.echo(f"Findings: {len(found)}, failed: {failed}.")
    if failed:
        sys.exit(FAILED)
