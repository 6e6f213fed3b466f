"""The page's types: made from the wire's structs, and the committed file is the one that would be made now."""

from __future__ import annotations

import pytest
import wire_types

from agent_web.schema import document


def test_the_committed_file_is_in_step_with_the_wire() -> None:
    assert wire_types.TARGET.read_text(encoding="utf-8") == wire_types.typescript(document()), (
        "run: make wire"
    )


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        ({"$ref": "#/$defs/Order"}, "Order"),
        ({"const": "a"}, '"a"'),
        ({"enum": ["a", "b"]}, '"a" | "b"'),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "number | null"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, 'readonly ("a" | "b")[]'),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            "{ readonly [key in string]: string }",
        ),
        (
            {
                "type": "object",
                "properties": {"n": {"type": "integer"}, "s": {"type": "string"}},
                "required": ["n"],
            },
            "{\n  readonly n: number\n  readonly s?: string\n}",
        ),
    ],
)
def test_each_kind_of_schema_has_its_type(schema: dict[str, object], type_: str) -> None:
    text = wire_types.typescript({"$defs": {"One": schema}})
    assert text.endswith(f"\nexport type One = {type_}\n")


def test_an_unknown_kind_of_schema_is_an_error() -> None:
    with pytest.raises(KeyError):
        wire_types.typescript({"$defs": {"One": {"type": "weird"}}})
