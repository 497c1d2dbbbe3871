"""Who is asking, in which circumstances, and how a call is refused."""

from ._context import RunContext
from ._principal import Principal
from .errors import OrmAiError

__all__ = ["OrmAiError", "Principal", "RunContext"]
