"""Partners' way in: look at a code, redeem it, see what became of it."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from alerts.codes import ErrorCode
from credit.api.authentication import ApiKeyAuthentication, Partner, require_scope
from credit.api.headers import KEY_HEADER, NO_STORE
from credit.api.inputs import IdField, read_body, read_idempotency_key, read_query
from credit.api.pagination import ListQuery, page_of, paginate
from credit.api.problems import problems
from credit.money import format_amount
from redemption.api import examples
from redemption.api.answers import REDEEM_PROBLEMS, answer_once, caller_of, contact_of
from redemption.api.guarding import guarded_call
from redemption.api.printing import print_detail, print_listed
from redemption.api.serializers import (
    RedeemRequest,
    RedemptionDetailOutput,
    RedemptionOutput,
    ValidateAnswer,
    ValidateRequest,
)
from redemption.models import AttemptLog, Redemption
from redemption.selectors.codes import CodeFacts
from redemption.selectors.redemptions import (
    find_redemption,
    first_of_each_client,
    gather_facts,
    list_trace,
    list_traces,
    redemptions_of,
)
from redemption.services.disclosure import disclose_redemption
from redemption.services.preflight import look_at_code
from redemption.services.redeem import RedeemResult, UnknownCodeError, redeem
from redemption.services.second_factor import Verification

_KEPT_TO_OURSELVES = frozenset({"not_offered", "out_of_credit", "cap_reached"})
_VALIDATE_PROBLEMS = problems(401, 403, ErrorCode.BLOCKED, ErrorCode.UNKNOWN_CODE, 413, 415)
_READ_PROBLEMS = problems(401, 403, 404)


class ValidateView(APIView):
    """What a code is good for, before anybody redeems it."""

    authentication_classes = [ApiKeyAuthentication]

    def get_throttles(self) -> list[BaseThrottle]:
        return []  # the guard counts the call too

    @extend_schema(
        operation_id="validate_code",
        summary="Look at a code",
        description="Nothing is claimed and nobody is charged. `valid` says that it could be"
        " redeemed once what `requires` names is given. Works without a key too; a key needs the"
        " scope `redeem`.",
        request=ValidateRequest,
        responses={200: ValidateAnswer, **_VALIDATE_PROBLEMS},
        examples=examples.VALIDATE,
        auth=[{"ApiKey": []}, {}],  # type: ignore[list-item]  # {} = no key is fine too
        tags=["Redemptions"],
    )
    def post(self, request: Request) -> Response:
        partner = request.user if isinstance(request.user, Partner) else None
        if partner is not None:
            require_scope(request, "redeem")
        body = read_body(ValidateRequest, request)
        now = timezone.now()
        with guarded_call(
            request, partner, action=AttemptLog.Action.VALIDATE, code=body["code"], now=now
        ):
            facts = look_at_code(
                code=body["code"],
                now=now,
                scope_kind=partner.scope_kind if partner else "platform",
                scope_id=partner.scope_id if partner else None,
            )
            if facts is None:
                raise UnknownCodeError
        return Response(_print_code(facts))


class RedemptionsQuery(ListQuery):
    campaign_id = IdField(required=False, help_text="Of this campaign only.")
    state = serializers.ChoiceField(
        choices=Redemption.State.values, required=False, help_text="In this state only."
    )
    created_after = serializers.DateTimeField(
        required=False, help_text="From this moment on: `2026-03-02T15:30:00Z`."
    )
    created_before = serializers.DateTimeField(
        required=False, help_text="Before this moment, which itself is left out."
    )


class RedemptionsView(APIView):
    """List redemptions, and redeem a code."""

    authentication_classes = [ApiKeyAuthentication]

    def get_throttles(self) -> list[BaseThrottle]:
        # Where a code is given the guard counts the call too.
        return [] if self.request.method == "POST" else super().get_throttles()

    @extend_schema(
        operation_id="list_redemptions",
        summary="List redemptions",
        description="From the newest to the oldest, each as `GET /redemptions/{id}/` prints it,"
        " with its messages and trace. A list hands out no card: with the scope `cards:reveal` it"
        " shows the secrets of cards that somebody has seen already; one that nobody has seen"
        " stays hidden until you ask for it by its id. Scope `redeem`.",
        parameters=[RedemptionsQuery],
        responses={200: page_of(RedemptionDetailOutput), **_READ_PROBLEMS},
        examples=examples.REDEMPTIONS,
        tags=["Redemptions"],
    )
    def get(self, request: Request) -> Response:
        partner = require_scope(request, "redeem")
        query = read_query(RedemptionsQuery, request)
        page = paginate(
            request,
            redemptions_of(
                viewer=partner.viewer,
                campaign_id=query.get("campaign_id"),
                state=query.get("state"),
                created_from=query.get("created_after"),
                created_before=query.get("created_before"),
            ),
            query=query,
            order=["-created_at", "-id"],
            read=None if "campaign_id" in query else first_of_each_client,
        )
        facts = gather_facts(page.rows, with_balances="credit:read" in partner.scopes)
        traces = list_traces(redemption_ids=[one.redemption_id for one in facts])
        results = (
            print_listed(one, steps=traces[one.redemption_id], scopes=partner.scopes)
            for one in facts
        )
        return Response(page.printed(results), headers=NO_STORE)

    @extend_schema(
        operation_id="create_redemption",
        summary="Redeem a code",
        description="201 with the card, or 202 while something is still to come: the redemption is"
        " kept and goes on by itself, and asking again gives the same `id`. 409 GC-010 carries the"
        " `redemption_id` of the one that came first. Scope `redeem`.",
        request=RedeemRequest,
        responses={201: RedemptionOutput, 202: RedemptionOutput, **REDEEM_PROBLEMS},
        parameters=[KEY_HEADER],
        examples=examples.REDEEM,
        tags=["Redemptions"],
    )
    def post(self, request: Request) -> Response:
        partner = require_scope(request, "redeem")
        key = read_idempotency_key(request, organisation=partner.organisation, required=True)
        now = timezone.now()

        def work() -> RedeemResult:
            body = read_body(RedeemRequest, request)
            contact = contact_of(body)
            with guarded_call(
                request,
                partner,
                action=AttemptLog.Action.REDEEM,
                code=body["code"],
                key=key,
                now=now,
            ):
                return redeem(
                    caller=caller_of(request, partner),
                    contact=contact,
                    now=now,
                    code=body["code"],
                    condition_number=body.get("condition_number"),
                    verification=Verification(**body.get("verification", {})),
                    disclose=True,
                    key=key,
                )

        return answer_once(key=key, partner=partner, now=now, work=work)


class RedemptionView(APIView):
    """One redemption, with its messages and trace."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="get_redemption",
        summary="See what became of a redemption",
        description="With its messages and the steps on its way. The card's secrets are null"
        " without the scope `cards:reveal`. Scope `redeem`.",
        responses={200: RedemptionDetailOutput, **_READ_PROBLEMS},
        examples=examples.REDEMPTION,
        tags=["Redemptions"],
    )
    def get(self, request: Request, redemption_id: UUID) -> Response:
        partner = require_scope(request, "redeem")
        try:
            facts = find_redemption(viewer=partner.viewer, redemption_id=redemption_id)
        except Redemption.DoesNotExist:
            raise Http404 from None
        disclosed = None
        if "cards:reveal" in partner.scopes:
            disclosed = disclose_redemption(
                redemption_id=redemption_id, actor=partner.actor, now=timezone.now()
            )
            facts = find_redemption(viewer=partner.viewer, redemption_id=redemption_id)
        return Response(
            print_detail(
                facts,
                steps=list_trace(redemption_id=redemption_id),
                scopes=partner.scopes,
                disclosed=disclosed,
            ),
            headers=NO_STORE,
        )


def _print_code(facts: CodeFacts) -> dict[str, Any]:
    return {
        "valid": facts.is_valid,
        # Why it can't be had is between the client and its agency.
        "state": "not_active" if facts.state in _KEPT_TO_OURSELVES else facts.state,
        "campaign": {"id": str(facts.campaign_id), "name": facts.campaign_name},
        "conditions": [
            {
                "number": offer.number,
                "name": offer.name,
                "brand": offer.brand,
                "value": (
                    None
                    if offer.value_minor is None
                    else format_amount(offer.value_minor, offer.currency)
                ),
                "currency": offer.currency,
            }
            for offer in facts.offers
        ],
        "requires": list(facts.requires),
    }
