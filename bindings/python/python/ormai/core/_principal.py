"""Who is asking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .._record import Record, frozen, wrong_type

if TYPE_CHECKING:
    from uuid import UUID


class Principal(Record):
    """Who is asking: made by the host from something that it has verified, never from the request.

    Args:
        tenant_id: the tenant; None and `""` count as missing, and a model scoped by tenant then refuses.
        user_id: the user.
        roles: the roles; they are compared byte by byte.
        metadata: further attributes, `principal.metadata.<key>` in a policy. Values as in JSON.

    Raises:
        TypeError: a keyword is not known, or a value is of another type.

    >>> Principal(tenant_id="acme-corp", user_id="user-123", roles=["support"])
    Principal(tenant_id='acme-corp', user_id='user-123', roles=['support'], metadata={})
    """

    __slots__ = ("metadata", "roles", "tenant_id", "user_id")
    _parts: ClassVar[tuple[str, ...]] = ("tenant_id", "user_id", "roles", "metadata")

    tenant_id: str | int | UUID | None
    user_id: str | int | UUID | None
    roles: tuple[str, ...]
    metadata: Mapping[str, Any]

    def __init__(
        self,
        tenant_id: str | int | UUID | None,
        user_id: str | int | UUID | None = None,
        roles: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self._fill(
            {
                "tenant_id": _identity(tenant_id, "tenant_id"),
                "user_id": _identity(user_id, "user_id"),
                "roles": _roles(roles),
                "metadata": _attributes({} if metadata is None else metadata),
            }
        )

    def __repr__(self) -> str:
        # The values of metadata may be secrets, and a principal ends up in many a log.
        metadata = "{" + ", ".join(f"{name!r}: …" for name in self.metadata) + "}"
        parts = f"tenant_id={self.tenant_id!r}, user_id={self.user_id!r}, roles={list(self.roles)!r}"
        return f"Principal({parts}, metadata={metadata})"

    def to_dict(self) -> dict[str, Any]:
        """As the engine takes it."""
        return {
            "tenant_id": _plain_identity(self.tenant_id),
            "user_id": _plain_identity(self.user_id),
            "roles": list(self.roles),
            "metadata": dict(self.metadata),
        }

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> Principal:
        """A principal from its parts by name.

        Raises:
            TypeError: a part is not known, or of another type.
        """
        return cls(**written)


def _identity(value: object, name: str) -> Any:
    if value is None or isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if _is_uuid(value):
        return value
    raise wrong_type(f"Principal.{name}", "text, an integer, a UUID or None", value)


def _is_uuid(value: object) -> bool:
    # Who has a UUID has imported the module; nobody else pays for it.
    import sys

    module = sys.modules.get("uuid")
    return module is not None and isinstance(value, module.UUID)


def _plain_identity(value: Any) -> str | int | None:
    return str(value) if _is_uuid(value) else value


def _roles(value: object) -> tuple[str, ...]:
    # Text is a sequence as well: the roles "a", "d", "m", "i", "n".
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise wrong_type("Principal.roles", "a list of names", value)
    roles = tuple(value)
    for role in roles:
        if not isinstance(role, str):
            raise wrong_type("Principal.roles", "a list of names", role)
    return roles


def _attributes(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise wrong_type("Principal.metadata", "a mapping", value)
    for name in value:
        if not isinstance(name, str):
            raise TypeError("the names in `Principal.metadata` must be text")
    return frozen(value.items())
