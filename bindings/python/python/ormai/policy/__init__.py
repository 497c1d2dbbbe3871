"""What agents may touch: a policy and its parts, with the keys of the policy document.

>>> from ormai.policy import FieldAction, FieldPolicy, ModelPolicy, Policy
>>> policy = Policy(
...     models={
...         "Order": ModelPolicy(
...             fields={"id": FieldPolicy(action=FieldAction.Allow), "card": "mask"},
...             scoping={"tenant_id": "principal.tenant_id"},
...         ),
...     },
... )

A policy does not change once it is made; `replace` makes another. Unknown keywords raise TypeError with
the nearest known one:

>>> ModelPolicy(scopping={"tenant_id": "principal.tenant_id"})
Traceback (most recent call last):
TypeError: ModelPolicy has no `scopping`: did you mean `scoping`?
"""

from .._record import published
from ._model import ModelPolicy, Overlay
from ._parts import AggregationPolicy, Budget, FieldPolicy, RelationPolicy, RowPolicy, WritePolicy
from ._policy import Policy
from ._words import FieldAction, Operation, RowEffect, WriteAction

published(
    __name__,
    AggregationPolicy,
    Budget,
    FieldAction,
    FieldPolicy,
    ModelPolicy,
    Operation,
    Overlay,
    Policy,
    RelationPolicy,
    RowEffect,
    RowPolicy,
    WriteAction,
    WritePolicy,
)

__all__ = [
    "AggregationPolicy",
    "Budget",
    "FieldAction",
    "FieldPolicy",
    "ModelPolicy",
    "Operation",
    "Overlay",
    "Policy",
    "RelationPolicy",
    "RowEffect",
    "RowPolicy",
    "WriteAction",
    "WritePolicy",
]
