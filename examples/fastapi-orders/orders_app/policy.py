"""What may be seen and done, by whomever the agent works for."""

from ormai.policy import FieldAction, FieldPolicy, ModelPolicy, Policy, WriteAction, WritePolicy

TENANT = {"tenant_id": "principal.tenant_id"}

POLICY = Policy(
    models={
        "Customer": ModelPolicy(
            fields={
                "id": "allow",
                "name": "allow",
                "card": FieldPolicy(action=FieldAction.Mask, mask_pattern="****{last4}"),
            },
            scoping=TENANT,
        ),
        "Order": ModelPolicy(
            fields={"id": "allow", "status": "allow", "total": "allow"},
            relations={"customer": True},
            scoping=TENANT,
            aggregations={"count": True, "sum": ["total"]},
            write_policy=WritePolicy(
                update=WriteAction.Allow,
                immutable_fields=["total"],
                # Every change by an agent says why it was made.
                require_reason=True,
            ),
        ),
    },
)
