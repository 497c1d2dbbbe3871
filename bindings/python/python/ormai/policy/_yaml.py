"""Writing YAML, in the form in which OrmAI writes policies everywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z", re.ASCII)
# Other readers take more of them for truth values than OrmAI does, so they are never written without quotes.
_NOT_TEXT = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))


def written(document: Mapping[str, Any]) -> str:
    """A document as YAML: mappings and lists of mappings in blocks, everything else on one line."""
    lines: list[str] = []
    _block(document, "", lines)
    return "\n".join(lines) + "\n"


def _block(content: Any, margin: str, lines: list[str]) -> None:
    if isinstance(content, Mapping) and content:
        for key, value in content.items():
            _entry(f"{margin}{_quoted(key)}:", value, margin, lines)
    elif isinstance(content, Sequence) and not isinstance(content, str) and content:
        for item in content:
            _entry(f"{margin}-", item, margin, lines)
    else:
        lines.append(_line(content))


def _entry(head: str, value: Any, margin: str, lines: list[str]) -> None:
    is_nested = (isinstance(value, Mapping) and bool(value)) or (
        isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value)
    )
    if is_nested:
        lines.append(head)
        _block(value, margin + "  ", lines)
    else:
        lines.append(f"{head} {_line(value)}")


def _line(content: Any) -> str:
    if content is None:
        return "null"
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, float):
        return repr(content).replace("e+", "e")
    if isinstance(content, int):
        return str(content)
    if isinstance(content, str):
        return _quoted(content)
    if isinstance(content, Mapping):
        return "{" + ", ".join(f"{_quoted(key)}: {_line(value)}" for key, value in content.items()) + "}"
    return "[" + ", ".join(_line(item) for item in content) + "]"


def _quoted(text: str) -> str:
    """Text as it is where it cannot be read as anything else, otherwise in double quotes."""
    if _BARE.match(text) and text.lower() not in _NOT_TEXT:
        return text
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    code = ord(char)
    if code < 0x20 or 0x7F <= code < 0xA0 or char in "\ufeff\u2028\u2029\ufffe\uffff":
        return f"\\U{code:08X}"
    return char
