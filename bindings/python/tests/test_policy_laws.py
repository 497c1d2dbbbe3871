"""What must hold of every policy, over policies that are drawn at random."""

from __future__ import annotations

import copy
import pickle
import random
from typing import Any

import ormai.policy
import pytest
from ormai._native import policy_to_yaml
from ormai.policy import (
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

NAMES = ("id", "tenant_id", "a b", "", "no", "é", "1", "on: x", '"', "\\", "\x00", "\u2028", "🦀", "#", "- a", "~")


class Draw:
    """Draws policies."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def maybe(self, value: Any) -> Any:
        return value if self._random.random() < 0.6 else None

    def flag(self) -> bool:
        return self._random.random() < 0.5

    def name(self) -> str:
        return self._random.choice(NAMES)

    def names(self) -> list[str]:
        return [self.name() for _ in range(self._random.randrange(3))]

    def count(self, least: int = 1) -> int:
        return self._random.choice((least, least + 1, 1000, 2**32 - 1))

    def literal(self) -> Any:
        literals = ("principal.tenant_id", "now()", "'x'", *NAMES, True, False, 0, -1, 2**63 - 1, -(2**63), 0.5, 1e300)
        return self._random.choice(literals)

    def word(self, kind: Any) -> Any:
        member = self._random.choice(list(kind))
        return member if self.flag() else str(member)

    def mapping(self, item: Any) -> dict[str, Any]:
        return {self.name(): item() for _ in range(self._random.randrange(4))}

    def budget(self) -> Budget:
        return Budget(
            max_rows=self.maybe(self.count()),
            max_include_depth=self.maybe(self.count(0)),
            max_filter_depth=self.maybe(self.count(0)),
            statement_timeout_ms=self.maybe(self.count()),
        )

    def field(self) -> Any:
        if self.flag():
            return self.word(FieldAction)
        mask_pattern = self.maybe("****{last4}")
        return FieldPolicy(self.word(FieldAction), mask_pattern=mask_pattern, filter=self.maybe("equality"))

    def relation(self) -> Any:
        if self.flag():
            return self.flag()
        return RelationPolicy(
            allowed=self.maybe(self.flag()), max_depth=self.maybe(self.count()), fields=self.maybe(self.names())
        )

    def row_policy(self) -> RowPolicy:
        return RowPolicy(
            self.name(),
            self.name(),
            description=self.maybe(self.name()),
            bypass=self.maybe(self.flag()),
            effect=self.maybe(self.word(RowEffect)),
            field=self.maybe(self.name()),
            operations=self.maybe([self.word(Operation) for _ in range(self._random.randrange(3))]),
            check=self.maybe(self.flag()),
        )

    def write_policy(self) -> WritePolicy:
        return WritePolicy(
            create=self.maybe(self.word(WriteAction)),
            bulk_update=self.maybe(self.word(WriteAction)),
            auto_set=self.maybe(self.mapping(self.literal)),
            immutable_fields=self.maybe(self.names()),
            required_fields=self.maybe(self.names()),
            max_affected_rows=self.maybe(self.count()),
            require_reason=self.maybe(self.flag()),
            approver_roles=self.maybe(self.names()),
            approval_ttl_s=self.maybe(self.count(60)),
        )

    def shared(self) -> dict[str, Any]:
        return {
            "allowed": self.maybe(self.flag()),
            "fields": self.maybe(self.mapping(self.field)),
            "relations": self.maybe(self.mapping(self.relation)),
            "scoping": self.maybe(self.mapping(self.literal)),
            "row_policies": self.maybe([self.row_policy() for _ in range(self._random.randrange(3))]),
            "write_policy": self.maybe(self.write_policy()),
            "aggregations": self.maybe(
                AggregationPolicy(count=self.maybe(self.flag()), sum=self.maybe(self.names()), min_group_size=5)
            ),
            "budget": self.maybe(self.budget()),
        }

    def overlay(self) -> Overlay:
        return Overlay(grants=self.maybe(self.flag()), **self.shared())

    def model(self) -> ModelPolicy:
        return ModelPolicy(
            soft_delete=self.maybe(self.name()), roles=self.maybe(self.mapping(self.overlay)), **self.shared()
        )

    def policy(self) -> Policy:
        return Policy(
            self.mapping(self.model),
            version=self.maybe(self._random.choice((1, 2**62, "2026-05", "no", "1.10"))),
            strict=self.maybe(self.flag()),
            default_field_action=self.maybe(self._random.choice(("allow", FieldAction.Deny))),
            roles=self.maybe(self.names()),
            budget=self.maybe(self.budget()),
        )


@pytest.mark.parametrize("seed", range(100))
def test_a_policy_is_the_same_however_it_is_written(seed: int) -> None:
    policy = Draw(seed).policy()
    assert policy == Draw(seed).policy()
    assert Policy.from_dict(policy.to_dict()) == policy
    assert Policy.from_json(policy.to_json()) == policy
    assert Policy.from_yaml(policy.to_yaml()) == policy
    # The engine reads the same, so the version that answers bear is the same too.
    assert policy_to_yaml(policy.to_json()) == policy_to_yaml(Policy.from_yaml(policy.to_yaml()).to_json())
    assert eval(repr(policy), dict(vars(ormai.policy))) == policy
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert copy.deepcopy(policy) == policy
    assert hash(Policy.from_dict(policy.to_dict())) == hash(policy)


def test_policies_that_say_different_things_are_different() -> None:
    drawn = {seed: Draw(seed).policy() for seed in range(100)}
    texts = {policy.to_yaml() for policy in drawn.values()}
    assert len(set(drawn.values())) == len(texts) > 90
