"""Where stores in databases are."""

from __future__ import annotations


def checked(url: object, store: str) -> str:
    """The URL of a store.

    Raises:
        TypeError: it is no text.
    """
    if not isinstance(url, str):
        raise TypeError(f"the URL of {store} must be text, and this is {type(url).__name__}")
    return url


def shown(store: object, url: str) -> str:
    """A store as it is printed: the URL may hold a password."""
    return f"{type(store).__name__}('{url.partition(':')[0]}:…')"
