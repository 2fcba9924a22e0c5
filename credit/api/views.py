"""Partners' view on credit: accounts, entries, statements; and credit handed down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from os import SEEK_END
from typing import IO, Any
from uuid import UUID

from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from credit.api import examples
from credit.api.authentication import ApiKeyAuthentication, require_scope
from credit.api.headers import KEY_HEADER, NO_STORE
from credit.api.inputs import read_body, read_idempotency_key, read_query
from credit.api.pagination import ListQuery, page_of, paginate
from credit.api.printing import print_account, print_allocation, print_entry, write_json
from credit.api.problems import problems
from credit.api.replays import refusal_of
from credit.api.serializers import (
    AccountOutput,
    AllocationOutput,
    AllocationRequest,
    EntriesQuery,
    EntryOutput,
    StatementOutput,
    StatementQuery,
)
from credit.models import Account
from credit.money import AmountError, parse_amount
from credit.selectors.balances import AccountFacts, account_facts, find_account
from credit.selectors.entries import entries_of_account, page_facts
from credit.selectors.statements import Statement
from credit.selectors.viewers import Viewer
from credit.services.allocations import Allocation, allocate_credit
from credit.services.idempotency import KeyAnsweredError, KeyClaim, find_record, keep_refusal
from credit.services.statement_files import filename_of, spool_statement, write_csv
from credit.services.statement_pdf import write_pdf
from credit.services.transfers import AccountNotActiveError, InsufficientCreditError

_READING = problems(401, 403, 404)
# The framework's own way to choose a renderer, which is not ours.
_NO_FORMAT = OpenApiParameter(name="format", exclude=True)
# What is longer goes out piece by piece.
_SENT_AT_ONCE_BYTES = 1024 * 1024


class AccountsView(APIView):
    """Every account in the key's scope."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_accounts",
        summary="List accounts",
        description="From the oldest to the newest. Scope `credit:read`. Of the platform's"
        " accounts the one that credit is issued from is shown, to the platform's keys.",
        parameters=[ListQuery],
        responses={200: page_of(AccountOutput), **_READING},
        examples=examples.ACCOUNTS,
        tags=["Credit"],
    )
    def get(self, request: Request) -> Response:
        viewer = require_scope(request, "credit:read").viewer
        query = read_query(ListQuery, request)
        accounts = Account.objects.filter(viewer.account_filter(), purpose=Account.Purpose.CREDIT)
        page = paginate(request, accounts, query=query, order=["created_at", "id"])
        printed = page.printed(map(print_account, account_facts(page.rows)))
        return Response(printed, headers=NO_STORE)


class AccountView(APIView):
    """One account."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="get_account",
        summary="See what an account holds",
        description="`balance` is what can be spent; `held` is set aside and not part of it."
        " Scope `credit:read`.",
        responses={200: AccountOutput, **_READING},
        examples=examples.ACCOUNT,
        tags=["Credit"],
    )
    def get(self, request: Request, account_id: UUID) -> Response:
        viewer = require_scope(request, "credit:read").viewer
        return Response(print_account(_find_account(viewer, account_id)), headers=NO_STORE)


class EntriesView(APIView):
    """What happened on an account."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_entries",
        summary="List an account's entries",
        description="From the newest to the oldest. `amount` is signed as the account sees it."
        " `balance_after` is null on the platform's accounts. Scope `credit:read`.",
        parameters=[EntriesQuery],
        responses={200: page_of(EntryOutput), **_READING},
        examples=examples.ENTRIES,
        tags=["Credit"],
    )
    def get(self, request: Request, account_id: UUID) -> Response:
        viewer = require_scope(request, "credit:read").viewer
        query = read_query(EntriesQuery, request)
        account = _find_account(viewer, account_id)
        entries = entries_of_account(account.account_id)
        for name, lookup in _ENTRY_FILTERS.items():
            if name in query:
                entries = entries.filter(**{lookup: query[name]})
        page = paginate(request, entries, query=query, order=["-number"])
        return Response(page.printed(map(print_entry, page_facts(page.rows))), headers=NO_STORE)


_ENTRY_FILTERS = {
    "kind": "transaction__kind",
    "created_after": "transaction__created_at__gte",
    "created_before": "transaction__created_at__lt",
}


class _FileRenderer(BaseRenderer):
    """Lets a caller ask for the file's type; the file itself is written elsewhere."""

    def render(self, data: Any, *_: Any, **__: Any) -> Any:
        return data


class CSVRenderer(_FileRenderer):
    media_type, format = "text/csv", "csv"


class PDFRenderer(_FileRenderer):
    media_type, format = "application/pdf", "pdf"


class StatementView(APIView):
    """An account over a period."""

    authentication_classes = [ApiKeyAuthentication]
    renderer_classes = [JSONRenderer, CSVRenderer, PDFRenderer]

    @extend_schema(
        operation_id="get_statement",
        summary="Get an account's statement",
        description="Opening balance, every entry from the oldest to the newest, closing balance;"
        " opening and entries add up to closing. `balance_after` is counted on from the opening"
        " balance. All of it is as of one moment. A PDF has at most 20,000 entries (GC-116)."
        " Scope `credit:read`.",
        parameters=[StatementQuery, _NO_FORMAT],
        responses={
            (200, "application/json"): StatementOutput,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/pdf"): OpenApiTypes.BINARY,
            **problems(401, 403, 404, 413),
        },
        examples=examples.STATEMENT,
        tags=["Credit"],
    )
    def get(self, request: Request, account_id: UUID) -> HttpResponseBase:
        viewer = require_scope(request, "credit:read").viewer
        query = read_query(StatementQuery, request)
        start, end = _period(query)
        write, media_type = _FORMATS[query["as"]]
        account = _find_account(viewer, account_id)
        statement, file = spool_statement(
            viewer=viewer, account_id=account.account_id, start=start, end=end, write=write
        )
        filename = filename_of(statement, suffix=query["as"])
        disposition = content_disposition_header(query["as"] != "json", filename)
        headers = {**NO_STORE, **({"Content-Disposition": disposition} if disposition else {})}
        if file.seek(0, SEEK_END) > _SENT_AT_ONCE_BYTES:
            file.seek(0)
            return FileResponse(file, content_type=media_type, headers=headers)
        with file:
            file.seek(0)
            return HttpResponse(file.read(), content_type=media_type, headers=headers)


def _write_pdf(statement: Statement, file: IO[bytes]) -> None:
    write_pdf(statement, file, now=timezone.now())


_FORMATS: dict[str, tuple[Callable[[Statement, IO[bytes]], None], str]] = {
    "json": (write_json, "application/json"),
    "csv": (write_csv, "text/csv; charset=utf-8"),
    "pdf": (_write_pdf, "application/pdf"),
}


class AllocationsView(APIView):
    """Hand credit down."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="create_allocation",
        summary="Hand credit down one level",
        description="From an account to one right below it: agency to client, client to"
        " campaign; from the platform's account it is issued, and `from_balance` is null."
        " 402 GC-006: the account is short. 409 GC-115: one of them is paused or closed."
        " 404: an account is out of the key's scope. Scope `credit:allocate`.",
        request=AllocationRequest,
        responses={
            201: AllocationOutput,
            **problems(401, 402, 403, 404, 409, ErrorCode.STATE_FORBIDS, 413, 415, 422),
        },
        parameters=[KEY_HEADER],
        examples=examples.ALLOCATION,
        tags=["Credit"],
    )
    def post(self, request: Request) -> Response:
        partner = require_scope(request, "credit:allocate")
        claim = read_idempotency_key(request, organisation=partner.organisation, required=True)
        assert claim is not None  # noqa: S101  it is required
        now = timezone.now()
        try:
            allocation = _allocate(request, partner.viewer, claim)
        except KeyAnsweredError:
            raise _kept_refusal(claim) from None
        except ServiceError as error:
            record = find_record(claim=claim)
            if record is not None and record.error_code:
                raise refusal_of(record) from None
            keep_refusal(claim=claim, error=error, status=error.code.status, now=now)
            raise
        replayed = {"Idempotency-Replayed": "true"} if allocation.is_replay else {}
        return Response(print_allocation(allocation), status=201, headers={**NO_STORE, **replayed})


def _allocate(request: Request, viewer: Viewer, claim: KeyClaim) -> Allocation:
    body = read_body(AllocationRequest, request)
    try:
        amount_minor = parse_amount(body["amount"], body["currency"])
    except AmountError as error:
        raise ValidationFailedError(errors={"amount": [str(error)]}) from None
    # The catalogue's words for these two are for whoever redeems; `errors` tells the payer which.
    try:
        return allocate_credit(
            viewer=viewer,
            from_account_id=body["from_account_id"],
            to_account_id=body["to_account_id"],
            amount_minor=amount_minor,
            currency=body["currency"],
            note=body["note"],
            key=claim.key,
            now=timezone.now(),
            claim=claim,
        )
    except InsufficientCreditError as error:
        error.errors = {"amount": ["The account that pays holds less."]}
        raise
    except AccountNotActiveError as error:
        for name in ("from_account_id", "to_account_id"):
            if body[name] == error.account_id:
                error.errors = {name: [f"This account is {error.status}."]}
        raise


def _kept_refusal(claim: KeyClaim) -> ServiceError:
    record = find_record(claim=claim)
    assert record is not None  # noqa: S101  nothing else says that a key was answered
    return refusal_of(record)


def _find_account(viewer: Viewer, account_id: UUID) -> AccountFacts:
    try:
        account = find_account(viewer=viewer, account_id=account_id)
    except Account.DoesNotExist:
        raise Http404 from None
    # The other sides of the platform's books are for its own pages.
    if account.purpose != Account.Purpose.CREDIT:
        raise Http404
    return account


def _period(query: dict[str, Any]) -> tuple[date, date]:
    end = query.get("to") or timezone.now().date()
    start = query.get("from") or end.replace(day=1)
    if start > end:
        raise ValidationFailedError(errors={"to": ["The last day can't be before the first one."]})
    return start, end
