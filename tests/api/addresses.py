"""Every address of the API, from the schema, so that a new one is tested the day it is there."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any
from uuid import uuid4

from drf_spectacular.generators import SchemaGenerator

# What stands in an address where the schema has a name in braces.
_PLACES = {"source": "crm"}


@dataclasses.dataclass(frozen=True)
class Operation:
    """A method at an address; ``path`` leads to nothing that exists."""

    method: str
    template: str
    described: dict[str, Any]

    @property
    def path(self) -> str:
        path = self.template
        for parameter in self.described.get("parameters", []):
            if parameter["in"] == "path":
                name = parameter["name"]
                path = path.replace(f"{{{name}}}", _PLACES.get(name) or str(uuid4()))
        return path

    @property
    def needs_key(self) -> bool:
        return bool(self.described["security"] == [{"ApiKey": []}])

    @property
    def takes_idempotency_key(self) -> bool:
        return any(one["name"] == "Idempotency-Key" for one in self.described.get("parameters", []))

    @property
    def media_types(self) -> set[str]:
        return set(self.described.get("requestBody", {}).get("content", {}))

    @property
    def statuses(self) -> set[str]:
        return set(self.described["responses"])

    def example(self) -> Any:
        """Return the first example of a JSON body."""
        examples = self.described["requestBody"]["content"]["application/json"]["examples"]
        return next(iter(examples.values()))["value"]

    def __str__(self) -> str:
        return f"{self.method} {self.template.removeprefix('/api/v1')}"


@functools.cache
def schema() -> dict[str, Any]:
    """Return the OpenAPI description of the API."""
    described: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return described


@functools.cache
def operations() -> tuple[Operation, ...]:
    """Return all of them, in the order of the schema."""
    return tuple(
        Operation(method.upper(), template, described)
        for template, methods in schema()["paths"].items()
        for method, described in methods.items()
    )


def writing() -> tuple[Operation, ...]:
    """Return those that take a body."""
    return tuple(one for one in operations() if one.method not in ("GET", "DELETE"))
