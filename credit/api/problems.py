"""How failures look, for the OpenAPI page."""

from typing import Any

from rest_framework import serializers


class ProblemOutput(serializers.Serializer[Any]):
    """Describes an answer; never run."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    request_id = serializers.CharField()
    errors = serializers.DictField(  # type: ignore[assignment]  # a field's name
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


def problems(*statuses: int) -> dict[int, type[ProblemOutput]]:
    """Describe the failures that an endpoint may answer with."""
    return dict.fromkeys(statuses, ProblemOutput)
