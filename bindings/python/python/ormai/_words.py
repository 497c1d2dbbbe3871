"""Naming the nearest known word to one that is not known."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` is a slip of, if there is one."""
    # Only where something is wrong already: importing ormai must stay cheap.
    from difflib import get_close_matches

    by_lower = {each.lower(): each for each in known}
    lower = word[:64].lower()
    found = get_close_matches(lower, by_lower, n=1, cutoff=0.65)
    if found:
        return by_lower[found[0]]
    # `depth` of `max_depth`
    parts = [each for each in by_lower if lower in each.split("_")]
    return by_lower[parts[0]] if len(parts) == 1 else None


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
