"""Points that paid checkouts are owed, over the API."""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.codes import ErrorCode
from credit.api.answers import respond, respond_under_key
from credit.api.authentication import ApiKeyAuthentication, require_scope
from credit.api.headers import OPTIONAL_KEY_HEADER
from credit.api.inputs import read_body, read_query
from credit.api.pagination import paginate
from credit.api.problems import problems
from credit.models import IdempotencyRecord
from credit.selectors.viewers import Viewer
from credit.services.idempotency import KeyClaim
from loyalty.api import reconciliation_examples as examples
from loyalty.api.asking import SCOPE, SCOPE_WORDS, TAGS, find, keep_printed
from loyalty.api.outputs import ReconciliationOutput, ReconciliationPageOutput
from loyalty.api.printing import print_item
from loyalty.api.shapes import ItemsQuery, ReplayRequest, ResolveRequest
from loyalty.selectors.reconciliation import items_of, sum_owed
from loyalty.services.reconciliation import replay_item, resolve_item
from loyalty.services.refusals import StateForbidsError

# What a later try changes; the rest of an answer is printed anew from the item.
_PASSING = ("error", "attempts", "last_attempt_at", "resolved", "resolved_at", "resolved_by")


class ReconciliationView(APIView):
    """What is owed in the key's scope."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_reconciliation",
        summary="List points that are still to come",
        description="From the newest to the oldest: checkouts that were paid and whose points"
        " could not be written. They are tried again by themselves. `summary` adds up all that is"
        f" unresolved, on every page.{SCOPE_WORDS}",
        parameters=[ItemsQuery],
        responses={200: ReconciliationPageOutput, **problems(401, 403, 404)},
        examples=examples.ITEMS,
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        viewer = require_scope(request, SCOPE).viewer
        query = read_query(ItemsQuery, request)
        items = items_of(viewer=viewer)
        if "client_id" in query:
            items = items.filter(client_id=query["client_id"])
        owed = sum_owed(items)
        if query["resolved"] is not None:
            items = items.filter(resolved=query["resolved"])
        page = paginate(request, items, query=query, order=["-created_at", "-id"])
        return respond(
            {**page.printed(map(print_item, page.rows)), "summary": dataclasses.asdict(owed)}
        )


class ReplayItemView(APIView):
    """Try once more."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="replay_reconciliation",
        summary="Try to write a checkout's points now",
        description="They are written once, however often this is called. `resolved` says whether"
        f" they are; if not, `error` says why.{SCOPE_WORDS}",
        request=ReplayRequest,
        responses={200: ReconciliationOutput, **problems(401, 403, 404, 409, 413, 415, 422)},
        parameters=[OPTIONAL_KEY_HEADER],
        examples=examples.REPLAY,
        tags=TAGS,
    )
    def post(self, request: Request, item_id: UUID) -> Response:
        partner = require_scope(request, SCOPE)

        def act(claim: KeyClaim | None) -> Response:
            body = read_body(ReplayRequest, request)
            find(items_of(viewer=partner.viewer), item_id)
            replay_item(item_id=item_id, actor=partner.actor, now=timezone.now(), note=body["note"])
            return _answer(partner.viewer, item_id, claim)

        return respond_under_key(
            request,
            partner,
            act=act,
            print_again=lambda record: _print_again(partner.viewer, record),
        )


class ResolveItemView(APIView):
    """Give points up."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="resolve_reconciliation",
        summary="Give a checkout's points up",
        description="What was held for it is free again, and nothing is earned by it; the note"
        f" says why. 409 GC-115: it is resolved.{SCOPE_WORDS}",
        request=ResolveRequest,
        responses={
            200: ReconciliationOutput,
            **problems(401, 403, 404, 409, ErrorCode.STATE_FORBIDS, 413, 415, 422),
        },
        parameters=[OPTIONAL_KEY_HEADER],
        examples=examples.RESOLVE,
        tags=TAGS,
    )
    def post(self, request: Request, item_id: UUID) -> Response:
        partner = require_scope(request, SCOPE)

        def act(claim: KeyClaim | None) -> Response:
            note = read_body(ResolveRequest, request)["note"]
            find(items_of(viewer=partner.viewer), item_id)
            try:
                resolve_item(item_id=item_id, note=note, actor=partner.actor, now=timezone.now())
            except StateForbidsError:
                # Under a key, a call whose answer was lost may be made again.
                item = find(items_of(viewer=partner.viewer), item_id)
                said = (item.resolved_by, item.resolution_note)
                if claim is None or said != (partner.actor, note):
                    raise
            return _answer(partner.viewer, item_id, claim)

        return respond_under_key(
            request,
            partner,
            act=act,
            print_again=lambda record: _print_again(partner.viewer, record),
        )


def _answer(viewer: Viewer, item_id: UUID, claim: KeyClaim | None) -> Response:
    printed = print_item(find(items_of(viewer=viewer), item_id))
    # A note is a person's words: kept with the item alone.
    keep_printed(claim, {name: printed[name] for name in _PASSING}, object_id=item_id)
    return respond(printed)


def _print_again(viewer: Viewer, record: IdempotencyRecord) -> dict[str, Any]:
    assert record.object_id is not None  # noqa: S101  kept with the item
    printed = {**print_item(find(items_of(viewer=viewer), record.object_id)), **record.details}
    return printed if printed["resolved"] else {**printed, "resolution_note": ""}
