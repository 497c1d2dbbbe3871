"""Who is asking, in which circumstances, and how a call is refused."""

from .._record import published
from ._context import RunContext
from ._principal import Principal
from .errors import OrmAiError

published(__name__, Principal, RunContext)

__all__ = ["OrmAiError", "Principal", "RunContext"]
