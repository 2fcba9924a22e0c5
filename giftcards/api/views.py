"""Partners' view on stock: pools and what is in them; and cards brought into them."""

from __future__ import annotations

import io
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.services.imports import ImportReport
from credit.api.authentication import ApiKeyAuthentication, Partner, require_scope
from credit.api.files import CSVParser, FormParser, read_file
from credit.api.headers import KEY_HEADER, NO_STORE
from credit.api.inputs import read_query
from credit.api.pagination import page_of, paginate
from credit.api.problems import problems
from credit.api.uploads import (
    UploadOutput,
    UploadQuery,
    answer_upload,
    upload_request,
    upload_responses,
)
from credit.services.idempotency import KeyClaim
from giftcards.api import examples
from giftcards.api.printing import print_kept_batch, print_pool
from giftcards.api.serializers import CardsRequest, PoolOutput, PoolsQuery
from giftcards.models import Pool
from giftcards.selectors.pools import PoolCounts, count_cards, find_pool, list_pools
from giftcards.services.card_rows import FIELDS
from giftcards.services.uploads import upload_cards

_READING = problems(401, 403, 404)


class PoolsView(APIView):
    """Every pool in the key's scope."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_pools",
        summary="List pools",
        description="From the oldest to the newest, with their cards counted at this moment."
        " `total` is all cards that were ever in the pool, also the quarantined and the void;"
        " `stuck` are claimed cards that were delivered to nobody in ten minutes."
        " Scope `inventory:read`.",
        parameters=[PoolsQuery],
        responses={200: page_of(PoolOutput), **_READING},
        examples=examples.POOLS,
        tags=["Inventory"],
    )
    def get(self, request: Request) -> Response:
        viewer = require_scope(request, "inventory:read").viewer
        query = read_query(PoolsQuery, request)
        pools = list_pools(viewer=viewer, with_archived=query["archived"])
        page = paginate(request, pools, query=query, order=["created_at", "id"])
        counts = _count(page.rows)
        printed = page.printed(print_pool(pool, counts[pool.pk]) for pool in page.rows)
        return Response(printed, headers=NO_STORE)


class PoolView(APIView):
    """One pool."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="get_pool",
        summary="See how full a pool is",
        description="Scope `inventory:read`.",
        responses={200: PoolOutput, **_READING},
        examples=examples.POOL,
        tags=["Inventory"],
    )
    def get(self, request: Request, pool_id: UUID) -> Response:
        viewer = require_scope(request, "inventory:read").viewer
        try:
            pool = find_pool(viewer=viewer, pool_id=pool_id)
        except Pool.DoesNotExist:
            raise Http404 from None
        return Response(print_pool(pool, _count([pool])[pool.pk]), headers=NO_STORE)


class CardsView(APIView):
    """Cards into a pool."""

    authentication_classes = [ApiKeyAuthentication]
    parser_classes = [*APIView.parser_classes, CSVParser, FormParser]

    @extend_schema(
        operation_id="upload_cards",
        summary="Upload cards",
        description="A CSV file with the columns code, pin, number and expires_on, of which only"
        " code is required, or the same as JSON. Every row is checked before one is written, and"
        " what is wrong is told by line; in JSON the first card is line 1. At most 10,000 rows"
        " (GC-116). A bad row refuses the whole file (400 GC-012, with the rows under `errors`),"
        " unless `mode=valid_rows`. A dry run always answers 200: `accepted` is what would be"
        " written, and `batch.id` is null. The first 10,000 errors are told."
        " 409 GC-114: the same file was uploaded before. Scope `inventory:write`.",
        request=upload_request(CardsRequest),
        responses=upload_responses(UploadOutput),
        parameters=[KEY_HEADER, UploadQuery],
        examples=examples.UPLOAD,
        tags=["Inventory"],
    )
    def post(self, request: Request, pool_id: UUID) -> Response:
        partner = require_scope(request, "inventory:write")
        return answer_upload(
            request,
            organisation=partner.organisation,
            upload=lambda claim: _upload(request, partner, pool_id, claim),
            print_kept=print_kept_batch,
        )


def _upload(request: Request, partner: Partner, pool_id: UUID, claim: KeyClaim) -> ImportReport:
    query = read_query(UploadQuery, request)
    file = read_file(request, rows="cards", as_json=CardsRequest, fields=FIELDS)
    return upload_cards(
        viewer=partner.viewer,
        pool_id=pool_id,
        source=io.BytesIO(file.content),
        file_name=file.name,
        mode=query["mode"],
        dry_run=query["dry_run"],
        now=timezone.now(),
        first_line=file.first_line,
        claim=claim,
    )


def _count(pools: list[Pool]) -> dict[UUID, PoolCounts]:
    return count_cards(
        pool_ids=[pool.pk for pool in pools],
        now=timezone.now(),
        stuck_after=timedelta(seconds=settings.STUCK_AFTER),
    )
