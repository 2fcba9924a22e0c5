"""Headers that several endpoints share."""

from typing import Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

MAX_KEY_LENGTH: Final = 255


def _key_header(*, required: bool) -> OpenApiParameter:
    return OpenApiParameter(
        name="Idempotency-Key",
        # What is white at its ends is not part of a header's value.
        type={
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_KEY_LENGTH,
            "pattern": "^[!-~]([ -~]*[!-~])?$",
        },
        location=OpenApiParameter.HEADER,
        required=required,
        description="1 to 255 printable characters; a repeat with the same key and body gets the"
        " first answer again, with `Idempotency-Replayed: true`.",
        examples=[OpenApiExample("A number of your own", value="order-4711")],
    )


KEY_HEADER: Final = _key_header(required=True)
OPTIONAL_KEY_HEADER: Final = _key_header(required=False)
# What an answer says that is nobody else's to keep.
NO_STORE: Final = {"Cache-Control": "no-store"}
