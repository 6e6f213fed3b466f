"""The messages: their schema is whole, the page may trust what is required, the documentation names all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec

from acd_core.config import Config
from agent_web import schema, wire
from tests.web.world import run, world

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "protocols" / "web.md").read_text(encoding="utf-8")


def test_the_schema_is_printed_whole() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "agent_web.schema"], cwd=ROOT, capture_output=True, check=True
    )
    document = json.loads(printed.stdout)
    assert document == schema.document()
    references = set(re.findall(r'"#/\$defs/(\w+)"', printed.stdout.decode()))
    assert references <= set(document["$defs"])
    structs = {
        kind.__name__
        for kind in vars(wire).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in (wire.Said, wire.Asked)
    }
    assert structs == set(document["$defs"]) - set(schema.SOCKETS), "every struct is a message or part of one"


def test_what_the_server_says_has_every_field_and_what_a_page_says_no_unknown_one() -> None:
    for name, kind in schema.document()["$defs"].items():
        struct = None if name in schema.SOCKETS else getattr(wire, name)
        if struct is None:
            continue
        if issubclass(struct, wire.Said):
            assert set(kind["required"]) == set(kind["properties"]), name
        else:
            assert kind["additionalProperties"] is False, name


def test_the_documentation_names_every_message() -> None:
    for name, kind in schema.document()["$defs"].items():
        tag = kind.get("properties", {}).get("type", {}).get("enum")
        if tag:
            assert re.search(rf'"type":"{tag[0]}"|`{tag[0]}`', DOCUMENT), f"{name}: {tag[0]}"


def test_the_documentation_names_every_route(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            paths = (await here.browser().ask("GET", "/api/openapi.json")).json["paths"]
            for path, methods in paths.items():
                known = path.replace("{order_id}", "{id}")
                for method in methods:
                    assert re.search(rf"`{method.upper()} {re.escape(known)}[`?]", DOCUMENT), (
                        f"{method} {path}"
                    )

    run(story())
