"""Keyword arguments as requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._results import AggregateResult, CallResult, DescribeResult, GetResult, QueryResult, WriteResult, of_write


def asked(unknown: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    """The arguments of a tool. What is not known goes to the engine too, which refuses and records it."""
    arguments = {name: value for name, value in parts.items() if value is not None}
    arguments.update(unknown)
    return arguments


def query_result(outcome: CallResult) -> QueryResult:
    """The answer of `query`, or its refusal raised."""
    return QueryResult(outcome.unwrap(), outcome.metadata)


def get_result(outcome: CallResult) -> GetResult:
    """The answer of `get`, or its refusal raised."""
    return GetResult(outcome.unwrap(), outcome.metadata)


def aggregate_result(outcome: CallResult) -> AggregateResult:
    """The answer of `aggregate`, or its refusal raised."""
    return AggregateResult(outcome.unwrap(), outcome.metadata)


def describe_result(outcome: CallResult) -> DescribeResult:
    """The answer of `describe_schema`, or its refusal raised."""
    return DescribeResult(outcome.unwrap(), outcome.metadata)


def write_result(tool: str, arguments: Mapping[str, Any], outcome: CallResult) -> WriteResult:
    """The answer of a write, or its refusal raised."""
    return of_write(tool, arguments, outcome)
