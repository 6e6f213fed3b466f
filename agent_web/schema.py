"""Prints the JSON Schema of all wire types; the page's build makes its TypeScript types from it.

Besides every struct, `$defs` holds one union for each direction of each socket (`DeskToServer`, `DeskToPage`
…).
"""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec

from agent_web import wire

HTTP_BODIES = (
    wire.Problem,
    wire.OrderConflict,
    wire.LoginRequest,
    wire.Me,
    wire.Health,
    wire.Catalogue,
    wire.NewOrder,
    wire.Order,
    wire.OrderPage,
    wire.OrderPatch,
    wire.PastCalls,
    wire.Explanation,
    wire.NewMode,
    wire.SettleCallback,
    wire.LiftBan,
)
SOCKETS: dict[str, Any] = {
    "DeskToServer": wire.DeskToServer,
    "DeskToPage": wire.DeskToPage,
    "CallToServer": wire.CallToServer,
    "CallToPage": wire.CallToPage,
    "BoardToServer": wire.BoardToServer,
    "BoardToPage": wire.BoardToPage,
    "OrdersToServer": wire.OrdersToServer,
    "OrdersToPage": wire.OrdersToPage,
    "TelephonyToServer": wire.TelephonyToServer,
    "TelephonyToPage": wire.TelephonyToPage,
}


def document() -> dict[str, Any]:
    """One JSON Schema document with all types under `$defs`."""
    types = [*HTTP_BODIES, *SOCKETS.values()]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    unions = dict(zip(SOCKETS, schemas[len(HTTP_BODIES) :], strict=True))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Santral web messages",
        "$defs": {**components, **unions},
    }


def main() -> int:
    """Print the document."""
    json.dump(document(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
