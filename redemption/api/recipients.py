"""People whom a partner adds to a campaign, and the codes they get."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.services.imports import ImportReport
from credit.api.authentication import ApiKeyAuthentication, Partner, require_scope
from credit.api.files import CSVParser, FormParser, read_file
from credit.api.headers import KEY_HEADER
from credit.api.inputs import StrictSerializer, TextField, read_query
from credit.api.uploads import (
    UploadOutput,
    UploadQuery,
    answer_upload,
    print_batch,
    upload_request,
    upload_responses,
)
from credit.services.idempotency import KeyClaim
from redemption.api import recipient_examples as examples
from redemption.codes import format_code
from redemption.models import RecipientBatch
from redemption.selectors.recipient_batches import people_of
from redemption.services.recipient_rows import FIELDS
from redemption.services.recipient_uploads import upload_recipients
from redemption.services.recipients import open_redemption_code

_LONGEST_CELL = 255


def _cell(words: str = "") -> TextField:
    return TextField(
        max_length=_LONGEST_CELL,
        required=False,
        allow_blank=True,
        allow_null=True,
        help_text=words or None,
    )


class RecipientRequest(StrictSerializer):
    first_name = _cell()
    last_name = _cell()
    phone = _cell("As people write it; without a country code it is one of `country`.")
    email = _cell()
    city = _cell()
    region = _cell()
    postal_code = _cell()
    country = _cell("Two letters, as ISO 3166 has them.")
    external_crm_id = _cell("Once in a campaign.")
    redemption_code = _cell("Left out, a strong one is made.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # As a line of a file it would be a blank one, and those are passed over.
        if not any(attrs.values()):
            raise serializers.ValidationError("Nothing in it says who it is.")
        return attrs


class RecipientsRequest(StrictSerializer):
    recipients = serializers.ListField(child=RecipientRequest(), allow_empty=False, min_length=1)


class AddedRecipientOutput(serializers.Serializer[Any]):
    """Describes an answer; never run."""

    id = serializers.UUIDField()
    external_crm_id = serializers.CharField(allow_null=True)
    redemption_code = serializers.CharField()


class RecipientsOutput(UploadOutput):
    """The people who were added, in the order of their lines; nobody of a dry run."""

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "recipients": AddedRecipientOutput(many=True)}


class RecipientsView(APIView):
    """People into a campaign."""

    authentication_classes = [ApiKeyAuthentication]
    parser_classes = [*APIView.parser_classes, CSVParser, FormParser]

    @extend_schema(
        operation_id="upload_recipients",
        summary="Add recipients",
        description="A CSV file with any of the columns first_name, last_name, phone, email, city,"
        " region, postal_code, country, external_crm_id and redemption_code, or the same as JSON."
        " A row needs a name, a phone number, an address, an id or a code. Every row is checked"
        " before one is written, and what is wrong is told by line; in JSON the first recipient is"
        " line 1. At most 10,000 rows (GC-116). A bad row refuses the whole file (400 GC-012, with"
        " the rows under `errors`), unless `mode=valid_rows`. A dry run always answers 200:"
        " `accepted` is what would be written, `batch.id` is null and `recipients` empty. The"
        " first 10,000 errors are told. Who has no code gets one, and `recipients` has everybody's"
        " codes, in the order of the lines; so has a repeat with the same Idempotency-Key, as long"
        " as they are there. Codes that can be guessed are taken only where the campaign asks for"
        " a second factor. 409 GC-114: the same file was uploaded before. Scope"
        " `recipients:write`.",
        request=upload_request(RecipientsRequest),
        responses=upload_responses(RecipientsOutput),
        parameters=[KEY_HEADER, UploadQuery],
        examples=examples.UPLOAD,
        tags=["Recipients"],
    )
    def post(self, request: Request, campaign_id: UUID) -> Response:
        partner = require_scope(request, "recipients:write")
        return answer_upload(
            request,
            organisation=partner.organisation,
            upload=lambda claim: _upload(request, partner, campaign_id, claim),
            print_kept=_print_kept,
            preview_fields={"recipients": []},
        )


def _upload(request: Request, partner: Partner, campaign_id: UUID, claim: KeyClaim) -> ImportReport:
    query = read_query(UploadQuery, request)
    file = read_file(request, rows="recipients", as_json=RecipientsRequest, fields=FIELDS)
    return upload_recipients(
        viewer=partner.viewer,
        campaign_id=campaign_id,
        source=io.BytesIO(file.content),
        file_name=file.name,
        mode=query["mode"],
        dry_run=query["dry_run"],
        now=timezone.now(),
        first_line=file.first_line,
        claim=claim,
    )


def _print_kept(batch_id: UUID) -> dict[str, Any]:
    """Print the first answer from what is there: the codes rest encrypted, with their people."""
    batch = RecipientBatch.objects.get(pk=batch_id)
    is_refused = batch.state == RecipientBatch.State.REFUSED
    printed = print_batch(
        batch_id=batch.pk,
        is_refused=is_refused,
        accepted=batch.accepted,
        rejected=batch.rejected,
        rejects=batch.rejects,
    )
    if not is_refused:
        printed["recipients"] = [
            {
                "id": str(person.pk),
                "external_crm_id": person.external_crm_id,
                "redemption_code": format_code(open_redemption_code(person)),
            }
            for person in people_of(batch.pk)
        ]
    return printed
