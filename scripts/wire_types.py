"""Writes the page's TypeScript types from the wire's structs, so that a message is defined once.

`make wire` after a change of `agent_web/wire`; a test holds the committed file in step with it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "agent_web" / "ui" / "src" / "wire.gen.ts"
_HEAD = "// Made by scripts/wire_types.py from agent_web/wire; not to be edited.\n"


def typescript(document: dict[str, Any]) -> str:
    """The TypeScript of a JSON Schema document whose types are all under `$defs`."""
    parts = [_HEAD]
    for name, schema in document["$defs"].items():
        description = schema.get("description")
        # Python 3.13 takes the indentation out of docstrings, earlier ones leave it in.
        comment = f"/** {' '.join(description.split())} */\n" if description else ""
        parts.append(f"{comment}export type {name} = {_type(schema)}\n")
    return "\n".join(parts)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_type(option) for option in schema["anyOf"])
    kind = schema.get("type")
    if kind == "array":
        return f"readonly ({_type(schema['items'])})[]"
    if kind == "object":
        return _object(schema)
    return {
        "integer": "number",
        "number": "number",
        "string": "string",
        "boolean": "boolean",
        "null": "null",
    }[str(kind)]


def _object(schema: dict[str, Any]) -> str:
    properties = schema.get("properties")
    if properties is None:
        keys = _type(schema["propertyNames"]) if "propertyNames" in schema else "string"
        values = _type(schema["additionalProperties"])
        return f"{{ readonly [key in {keys}]: {values} }}"
    required = set(schema.get("required", ()))
    lines = [
        f"  readonly {name}{'' if name in required else '?'}: {_type(value)}"
        for name, value in properties.items()
    ]
    return "{\n" + "\n".join(lines) + "\n}"


def main() -> int:
    """Write the file."""
    sys.path.insert(0, str(ROOT))
    from agent_web.schema import document

    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(typescript(document()), encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
