"""Where every call leaves its record, and what is read from there.

A store is given to a toolset when it is mounted; several are given as a list, and then each has all records. A
call whose record cannot be taken is not answered.

    audit_store = JsonlAuditStore("audit.jsonl")
    toolset = mount_sqlalchemy(engine, Base, policy, audit_store=audit_store)
    records = await audit_store.query(filters={"tenant_id": "acme-corp"})

A program that reads a store is an operator: it sees the records of all tenants.
"""

from .._record import published
from ._approvals import ApprovalStore, MemoryApprovalStore, SqlApprovalStore
from ._record import AuditRecord, AuditRecords
from ._stores import AuditStore, JsonlAuditStore, MemoryAuditStore, SqlAuditStore, SyncAuditStore

published(__name__, AuditRecord, AuditRecords)

__all__ = [
    "ApprovalStore",
    "AuditRecord",
    "AuditRecords",
    "AuditStore",
    "JsonlAuditStore",
    "MemoryApprovalStore",
    "MemoryAuditStore",
    "SqlApprovalStore",
    "SqlAuditStore",
    "SyncAuditStore",
]
