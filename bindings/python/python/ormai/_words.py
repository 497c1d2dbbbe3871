"""Naming the nearest known word to one that is not known."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` is a slip of, if there is one."""
    # Only where something is wrong already: making a policy does not load the engine.
    from ._native import nearest as near

    names = list(known)
    found = near(word, names)
    if found is not None:
        return found
    # `depth` of `max_depth`
    parts = [name for name in names if word.lower() in name.split("_")]
    return parts[0] if len(parts) == 1 else None


def help_for(word: str, known: Iterable[str]) -> str:
    """`did you mean …?`, or else the known words."""
    names = sorted(set(known))
    near = nearest(word, names)
    if near is not None:
        return f"did you mean `{near}`?"
    return f"known: {', '.join(names)}"


def kind_of(value: object) -> str:
    """What a value is, for a message. Never the value itself, which may be a secret."""
    return "None" if value is None else f"{type(value).__name__}"


def reject_unknown(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises TypeError for the first keyword that is not known."""
    known = tuple(known)
    for name in given:
        if name not in known:
            raise TypeError(f"{what} has no `{name}`: {help_for(name, known)}")
