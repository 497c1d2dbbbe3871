"""Libraries that are installed only where they are used."""

from __future__ import annotations


def missing(library: str, extra: str) -> ImportError:
    """What is raised where a library is not installed."""
    return ImportError(f'{library} is not installed: `pip install "ormai[{extra}]"`', name=library)
