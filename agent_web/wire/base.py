"""What every room of messages is made of: who says it, the texts that may be sent, what an error looks like."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

SDP_MAX_CHARS = 65_536
# Python's `$` also matches before a line end at the end of the text; hence `(?!\n)` behind it.
ShortText: TypeAlias = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
SdpText: TypeAlias = Annotated[str, msgspec.Meta(max_length=SDP_MAX_CHARS)]
Identifier: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{8,64}$(?!\n)")]
PhoneNumber: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9]{1,20}$(?!\n)")]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what the server says."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what a page says; an unknown field is an error."""


class FieldError(Said, frozen=True, kw_only=True):
    """One bad field of a form; `reason` is a key of the page's texts (required, too_long, unknown,
    not_a_phone_number …).
    """

    field: str
    reason: str


class Problem(Said, frozen=True, kw_only=True):
    """The body of every answer of 400 and above. `error` is a key of the page's texts, `text` is for people
    who read the API.
    """

    error: str
    text: str
    errors: list[FieldError]
