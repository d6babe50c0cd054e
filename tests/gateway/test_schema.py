"""The gateway's replies are those that `/openapi.json` describes, for every role."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.gateway.conftest import Running

pytestmark = pytest.mark.triton
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 3  # of an operation and a role


@pytest.mark.parametrize("role", ["search", "edit", "admin", None])
def test_replies_are_described(gateway: Running, role: str | None) -> None:
    schema = schemathesis.openapi.from_url(f"{gateway.url}/openapi.json")
    headers = {} if role is None else {"Authorization": f"Bearer {gateway.target.keys[role]}"}
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 14

    for operation in operations:

        @hypothesis.settings(
            max_examples=EXAMPLES, database=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck)
        )
        @hypothesis.given(case=operation.as_strategy())
        def calls(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)

        calls()
