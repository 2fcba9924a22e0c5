"""How bodies are read: field by field, unknown ones refused by name."""

import functools
from typing import Any, ClassVar, Final

from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers
from rest_framework.request import Request

from alerts.errors import ValidationFailedError
from credit.api.headers import MAX_KEY_LENGTH
from credit.services.idempotency import KeyClaim, claim_key


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses what it does not know, so that a typo is not silently ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(str(name) for name in data if name not in self.fields)
            if unknown:
                raise serializers.ValidationError(
                    {_shown(name): ["This field is not known."] for name in unknown[:20]}
                )
        return super().to_internal_value(data)


class VariantSerializer(StrictSerializer):
    """A strict serializer of which one field says which other one belongs to it.

    The field of the variant that was chosen is required; those of the others are refused.
    """

    chosen_by: ClassVar[str]
    own_fields: ClassVar[dict[str, str]]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        chosen = attrs[self.chosen_by]
        errors = {}
        for variant, name in self.own_fields.items():
            if variant == chosen and name not in attrs:
                errors[name] = ["This field is required."]
            if variant != chosen and name in attrs:
                errors[name] = [f"Not with this {self.chosen_by}."]
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


class _StrictSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Says on the OpenAPI page that nothing else may be sent."""

    target_class = StrictSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        described = auto_schema._map_serializer(  # noqa: SLF001  the library's own way
            self.target, direction, bypass_extensions=True
        )
        described = {**described, "additionalProperties": False}
        serializer = self.target if isinstance(self.target, type) else type(self.target)
        if not serializer.__dict__.get("__doc__"):
            # Else it would have the words of the class it is made from.
            described.pop("description", None)
        return (
            _variants(serializer, described)
            if issubclass(serializer, VariantSerializer)
            else described
        )


def _variants(target: type[VariantSerializer], described: dict[str, Any]) -> dict[str, Any]:
    """Return one whole object for each variant, so that no half of the rule is in prose alone."""
    objects = []
    for variant, own in target.own_fields.items():
        foreign = {name for name in target.own_fields.values() if name != own}
        properties = {
            name: value for name, value in described["properties"].items() if name not in foreign
        }
        # Wrapped: the library names types after fields, and both variants' would have one name.
        properties[target.chosen_by] = {"allOf": [{"type": "string", "enum": [variant]}]}
        required = sorted({*described["required"], own})
        objects.append({**described, "properties": properties, "required": required})
    return {"oneOf": objects}


def _shown(text: str, *, longest: int = 64) -> str:
    # It goes into the answer and may be kept with it: PostgreSQL takes no NUL, UTF-8 no half of
    # a surrogate pair.
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:longest])


def read_body(serializer_class: type[StrictSerializer], request: Request) -> dict[str, Any]:
    """Return the validated body.

    :raises ValidationFailedError: names every field that is missing or malformed (GC-012);
        a field inside another is named with a dot: ``contact.phone``.
    """
    try:
        validated: dict[str, Any] = _reader(serializer_class).run_validation(request.data)
    except serializers.ValidationError as error:
        raise ValidationFailedError(errors=flatten(error.detail)) from None
    return validated


def read_query(serializer_class: type[StrictSerializer], request: Request) -> dict[str, Any]:
    """Return the validated parameters of the query string, each given once.

    :raises ValidationFailedError: names every one that is unknown, there twice or malformed.
    """
    parameters = request.query_params
    twice = [name for name in parameters if len(parameters.getlist(name)) > 1]
    if twice:
        raise ValidationFailedError(
            errors={_shown(name): ["Give this parameter once."] for name in twice[:20]}
        )
    try:
        validated: dict[str, Any] = _reader(serializer_class).run_validation(parameters.dict())
    except serializers.ValidationError as error:
        raise ValidationFailedError(errors=flatten(error.detail)) from None
    return validated


@functools.cache
def _reader(serializer_class: type[StrictSerializer]) -> StrictSerializer:
    # One for all calls: copying the fields takes longer than reading a body with them, and they
    # keep nothing of what they have read.
    return serializer_class()


class TextField(serializers.CharField):
    """A JSON string: a number or a boolean is refused, not read as if it were written out."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Write this as a string, in quotation marks.")
        return super().to_internal_value(data)


class IdField(serializers.UUIDField):
    """A UUID as it is printed; the framework's own field also takes numbers."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            raise serializers.ValidationError("Write this as a string, in quotation marks.")
        return super().to_internal_value(data)


_LONGEST_ERROR: Final = 300


def flatten(errors: Any, prefix: str = "") -> dict[str, list[str]]:
    """Return nested serializer errors as one level: ``{"contact.phone": ["…"]}``."""
    if isinstance(errors, dict):
        flat: dict[str, list[str]] = {}
        for name, inner in errors.items():
            is_general = name == "non_field_errors"
            path = prefix if is_general else f"{prefix}.{name}" if prefix else str(name)
            flat.update(flatten(inner, path or "body"))
        return flat
    # The framework's words may have in them what was sent.
    return {prefix or "body": [_shown(str(error), longest=_LONGEST_ERROR) for error in errors]}


def read_idempotency_key(
    request: Request, *, organisation: str, required: bool, body: Any = None
) -> KeyClaim | None:
    """Return the claim of the request's Idempotency-Key on this request.

    :param body: what was asked for, where that is not the parsed body alone: as JSON could say it.
    :raises ValidationFailedError: it is missing where required, or not printable (GC-012).
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None and not required:
        return None
    if not key and required:
        raise ValidationFailedError(
            errors={"Idempotency-Key": ["Send this header, so that a repeat is safe."]}
        )
    # One that is empty by mistake would let a repeat through unnoticed.
    if not key or len(key) > MAX_KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise ValidationFailedError(
            errors={"Idempotency-Key": ["Use 1 to 255 printable ASCII characters."]}
        )
    return claim_key(
        owner=organisation,
        key=key,
        method=request.method or "",
        path=request.path,
        body=request.data if body is None else body,
    )
