"""The tools as language models are told of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypedDict

    class Definition(TypedDict):
        """One tool that a principal can use."""

        name: str
        description: str
        parameters: dict[str, Any]
        """The JSON Schema of its arguments."""


def openai(definitions: Iterable[Definition]) -> list[dict[str, Any]]:
    """As OpenAI's function calling takes them."""
    return [{"type": "function", "function": dict(definition)} for definition in definitions]


def anthropic(definitions: Iterable[Definition]) -> list[dict[str, Any]]:
    """As Anthropic's tool use takes them."""
    return [
        {"name": each["name"], "description": each["description"], "input_schema": each["parameters"]}
        for each in definitions
    ]


def json_schemas(definitions: Iterable[Definition]) -> list[dict[str, Any]]:
    """As plain JSON Schema, titled with the tool's name."""
    return [{"title": each["name"], "description": each["description"], **each["parameters"]} for each in definitions]
