"""`tailrace streams`, `sources`, `keys`, `users` and `workspaces`: what a user sees of them."""

from __future__ import annotations

import asyncio
from typing import Any

from click.testing import CliRunner

from controlplane.cli import main
from tests.controlplane.command_line import CommandLine, command_line
from tests.controlplane.conftest import API, KEY, Plane

GENERATOR = ("--type", "stream_generator", "--stream", "iot", "-p", "template=iot")


async def test_streams_are_listed_shown_measured_and_deleted(lite: Plane) -> None:
    await lite.stream("iot")
    async with command_line(lite) as line:
        lines = (await line.run("streams", "list")).stdout.splitlines()
        assert [cell.strip() for cell in lines[0].split("|")][:3] == ["name", "mode", "rows"]
        assert [cell.strip() for cell in lines[2].split("|")][:3] == ["iot", "append", "0"]
        shown = (await line.run("streams", "show", "iot")).stdout
        assert "name: iot\n" in shown
        assert "  - name cid, type string\n" in shown
        assert (await line.json("streams", "show", "iot"))["columns"][1]["type"] == "float32"
        assert (await line.json("streams", "stats", "iot"))["row_count"] == 0
        deleted = await line.run("streams", "delete", "iot")
        assert (deleted.stdout, deleted.stderr) == ("", "Deleted stream iot.\n")
        gone = await line.run("streams", "show", "iot", status=1)
        assert gone.stderr.startswith("Error: ")
        assert gone.stderr.count("\n") == 1


async def test_a_stream_is_created_from_options(lite: Plane) -> None:
    async with command_line(lite) as line:
        await line.run(
            "streams", "create", "orders", "-c", "id int64", "-c", "unit string default 'C'",
            "--mode", "versioned_kv", "--primary-key", "id, unit", "--event-time", "at",
            "--ttl", "to_datetime(at) + 7d", "--setting", "version_column=v",
            "--description", "it's all",
        )  # fmt: skip
        assert lite.engine.requests[-1].sql == (
            "CREATE STREAM `orders` (id int64, unit string default 'C') PRIMARY KEY (`id`, `unit`) "
            "TTL to_datetime(at) + 7d COMMENT 'it\\'s all' "
            "SETTINGS version_column = 'v', mode = 'versioned_kv', event_time_column = 'at'"
        )
        await line.run("streams", "create", "--sql", "-", input="create mutable stream m (a int)")
        assert lite.engine.requests[-1].sql == "create mutable stream m (a int)"
        for wrong in (
            ["x"],
            [],
            ["x", "--sql", "create stream x (a int)"],
            ["--sql", "drop stream iot"],
            ["x", "-c", "a int", "--setting", "mode"],
        ):
            await line.run("streams", "create", *wrong, status=2)


async def test_a_source_is_known_by_its_name(lite: Plane) -> None:
    await lite.stream("iot")
    async with command_line(lite) as line:
        made = await line.json("sources", "create", "gen", *GENERATOR, "-p", "tls.disable=true")
        assert made["properties"] == {"template": "iot", "tls": {"disable": True}}
        assert "gen " in (await line.run("sources", "list")).stdout
        assert (await line.json("sources", "show", "gen"))["id"] == made["id"]
        await line.run("sources", "stop", "gen")
        assert (await line.json("sources", "show", made["id"]))["status"] == "stopped"
        changed = await line.json("sources", "update", "gen", "-p", "interval=5s")
        assert changed["properties"]["interval"] == "5s"
        assert changed["properties"]["template"] == "iot"
        assert (await line.json("sources", "show", "gen"))["status"] == "stopped"
        await line.run("sources", "start", "gen")
        assert "uptime" in await line.json("sources", "stats", "gen")
        assert isinstance(await line.json("sources", "logs", "gen", "-n", "5"), list)
        done = await line.json("sources", "replay", "gen", "--where", "raw != ''", "--limit", "7")
        assert done == {"failed": 1, "replayed": 3}
        _, wanted = lite.connectors.replays[-1]
        assert (wanted.where, wanted.limit, wanted.allow) == (
            "raw != ''",
            7,
            ("read", "write", "ddl", "others"),
        )
        assert "replayed: 3" in (await line.run("sources", "replay", "gen")).stdout
        assert lite.connectors.replays[-1][1].limit == 1000
        shown = await line.run("sources", "check", "gen", "-p", "seed=7", status=1)
        assert "connection | FAILED" in shown.stdout
        assert "connection: Refused." in shown.stdout
        tried = lite.connectors.checked[-1]
        assert (tried.type, tried.id) == ("stream_generator", made["id"])
        assert tried.properties["interval"] == "5s"
        assert str(tried.properties["seed"]) == "7"
        said = await line.run("sources", "suggest", "template", "--type", "x", "--prefix", "o")
        assert said.stdout == "orders\nvisits\n"
        assert "There are more" in said.stderr
        assert "Give the name" in (await line.run("sinks", "check", status=2)).stderr
        await line.run("sources", "delete", "gen")
        gone = await line.run("sources", "start", "gen", status=1)
        assert gone.stderr == "Error: There is no source 'gen'.\n"


async def test_one_that_runs_is_stopped_while_it_is_changed(lite: Plane) -> None:
    await lite.stream("iot")
    async with command_line(lite) as line:
        definition = "name: gen\ntype: stream_generator\nstream: iot\nproperties: {template: iot}\n"
        await line.run("sources", "create", "-f", "-", input=definition)
        await line.run("sources", "update", "gen", "--description", "new")
        found = await line.json("sources", "show", "gen")
        assert (found["description"], found["status"]) == ("new", "running")


async def test_names_that_two_have_need_an_id(lite: Plane) -> None:
    await lite.stream("iot")
    async with command_line(lite) as line:
        ids = [(await line.json("sources", "create", "gen", *GENERATOR))["id"] for _ in range(2)]
        refused = await line.run("sources", "delete", "gen", status=1)
        assert all(each in refused.stderr for each in ids)
        await line.run("sources", "delete", ids[0])
        await line.run("sources", "delete", "gen")


async def test_a_bad_definition_says_what_is_wrong(lite: Plane) -> None:
    async with command_line(lite) as line:
        for options, said in (
            (["gen", "--type", "nats"], "missing required field `stream`"),
            (["gen", *GENERATOR, "-p", "template"], "--property wants name=value"),
            (["-f", "-"], "There is no field 'colour'"),
        ):
            wrong = await line.run(
                "sources", "create", *options, input="name: a\ncolour: 1", status=2
            )
            assert said in wrong.stderr


async def test_a_key_is_printed_alone_and_once(lite: Plane) -> None:
    async with command_line(lite) as line:
        made = await line.run(
            "keys", "create", "ci", "--expires", "30d", "--permission", "read:stream"
        )
        key = made.stdout.strip()
        assert (len(key), made.stdout) == (60, f"{key}\n")
        async with lite.with_key(key) as client:
            assert (await client.get(f"{API}/streams")).status_code == 200
            assert (await client.get(f"{API}/sources")).status_code == 403
        listed = (await line.run("keys", "list")).stdout
        assert key not in listed
        [mine] = [each for each in await line.json("keys", "list") if each["name"].startswith("ci")]
        assert mine["expire_at"] - mine["created_at"] == 30 * 86_400
        await line.run("keys", "delete", mine["name"])
        async with lite.with_key(key) as client:
            assert (await client.get(f"{API}/streams")).status_code == 403
        at = await line.json("keys", "create", "--expires", "2099-12-31T00:00:00Z")
        assert at["expire_at"] == 4_102_358_400
        refused = await line.run("keys", "create", "--permission", "read:nothing", status=1)
        assert "read:nothing" in refused.stderr


async def test_users_and_their_passwords(lite: Plane) -> None:
    async with command_line(lite) as line:
        await line.run("users", "create", "ada", "--role", "writer", input="longenough\n")
        listed = await line.json("users", "list")
        assert ("ada", "writer") in [(each["username"], each["role"]) for each in listed]
        ada = CommandLine(line.url, "ada:longenough")
        assert (await ada.json("users", "list"))[0]["username"] == "ada"
        await ada.run("users", "delete", "admin", status=1)
        await line.run("users", "set", "ada", "--role", "admin", "--password", input="longer one\n")
        await ada.run("users", "list", status=1)
        await CommandLine(line.url, "ada:longer one").run("users", "list")
        await line.run("users", "set", "ada", status=2)
        await line.run("users", "create", "bob", status=1)
        await line.run("users", "delete", "ada")
        assert (await line.run("users", "list")).stdout.count("\n") == 3


async def test_workspaces_as_json(lite: Plane) -> None:
    async with command_line(lite) as line:
        made = await line.json("workspaces", "create", "lab")
        assert len(made["api_key"]) == 60
        assert [each["name"] for each in await line.json("workspaces", "list")] == [
            "default", "lab",
        ]  # fmt: skip
        done = await line.json("workspaces", "delete", "lab")
        assert done == {"action": "deleted", "kind": "workspace", "name": "lab"}


async def test_data_cannot_steer_the_terminal(lite: Plane) -> None:
    body: dict[str, Any] = {"name": "s", "columns": [{"name": "a", "type": "int"}]}
    body["description"] = "red \x1b[31m text"
    assert (await lite.client.post(f"{API}/streams", json=body)).status_code == 201
    async with command_line(lite) as line:
        for command in (("list",), ("show", "s")):
            printed = (await line.run("streams", *command)).stdout
            assert "\x1b" not in printed
            assert "\\x1b[31m" in printed
        assert KEY not in (await line.run("streams", "list")).output


async def test_shells_complete_names(lite: Plane) -> None:
    for name in ("iot", "iota", "other"):
        await lite.stream(name)
    async with command_line(lite) as line:
        await line.run("sources", "create", "gen", *GENERATOR)

        async def completed(words: str, url: str = line.url) -> list[str]:
            environment = {
                "_TAILRACE_COMPLETE": "bash_complete",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split(" ")) - 1),
                "TAILRACE_URL": url,
                "TAILRACE_API_KEY": KEY,
            }
            runner = CliRunner(env=environment)
            done = await asyncio.to_thread(runner.invoke, main, prog_name="tailrace")
            return [entry.removeprefix("plain,") for entry in done.output.split()]

        assert await completed("tailrace streams show io") == ["iot", "iota"]
        assert await completed("tailrace sources stop ") == ["gen"]
        assert await completed("tailrace ingest x --stream o") == ["other"]
        assert await completed("tailrace streams show io", "http://127.0.0.1:9") == []
