"""A policy as text, whatever it was given as."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..core.errors import PolicyInvalidError, placed
from ..policy._policy import Policy, text_of_file


class PolicyText:
    """A policy as the engine reads it."""

    __slots__ = ("_is_file", "format", "has_hash_key", "text")

    def __init__(self, policy: Any, *, has_hash_key: bool = False) -> None:
        """Reads a policy, its document, or its file.

        Raises:
            TypeError: it is no policy.
            ValueError: the name of its file does not say its format.
            OSError: its file cannot be read.
        """
        self.has_hash_key = has_hash_key
        self._is_file = isinstance(policy, str) or hasattr(policy, "__fspath__")
        if self._is_file:
            self.text, self.format = text_of_file(policy)
        elif isinstance(policy, (Policy, Mapping)):
            made = policy if isinstance(policy, Policy) else Policy.from_dict(policy)
            # As YAML, because findings show the lines that they are about.
            self.text, self.format = made.to_yaml(), "yaml"
        else:
            raise TypeError(
                f"a policy is a Policy, its document or the path of its file, and not {type(policy).__name__}"
            )

    def document(self) -> dict[str, Any]:
        """The document, read."""
        from .._native import policy_from_text

        read: dict[str, Any] = json.loads(policy_from_text(self.text, self.format))
        return read

    def placed(self, findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Findings with their places in it."""
        source = self.text.encode()
        return [placed(finding, source, is_file=self._is_file) for finding in findings]

    def told(self, error: Exception) -> Exception:
        """A failure with the places of its findings."""
        return error.placed(self.text, is_file=self._is_file) if isinstance(error, PolicyInvalidError) else error
