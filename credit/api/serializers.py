"""The shapes of what comes in and, for the OpenAPI page, of what goes out."""

from typing import Any

from rest_framework import serializers

from credit.api.inputs import IdField, StrictSerializer, TextField
from credit.api.pagination import ListQuery
from credit.models import Account, Transaction
from credit.selectors.entries import HOUSEKEEPING_KINDS
from credit.services.transfers import LONGEST_NOTE

_LONGEST_AMOUNT = 64
_KINDS = [kind for kind in Transaction.Kind.values if kind not in HOUSEKEEPING_KINDS]


class AllocationRequest(StrictSerializer):
    from_account_id = IdField()
    to_account_id = IdField()
    amount = TextField(
        max_length=_LONGEST_AMOUNT, help_text='More than zero, as a string: `"2500.00"`.'
    )
    currency = serializers.RegexField(
        r"^[A-Z]{3}\Z",
        trim_whitespace=False,
        error_messages={"invalid": "A currency is three capital letters, such as USD."},
        help_text="That of both accounts; it guards against a mistaken amount.",
    )
    note = TextField(required=False, allow_blank=True, max_length=LONGEST_NOTE, default="")


class EntriesQuery(ListQuery):
    kind = serializers.ChoiceField(choices=_KINDS, required=False)
    created_after = serializers.DateTimeField(
        required=False, help_text="At this moment or later. Without an offset it is UTC."
    )
    created_before = serializers.DateTimeField(
        required=False, help_text="Before this moment. Without an offset it is UTC."
    )


class StatementQuery(StrictSerializer):
    def get_fields(self) -> dict[str, Any]:
        # Two of the names are words of Python's own.
        return {
            "from": serializers.DateField(
                required=False,
                help_text="The first day, in UTC; the first of the month of `to` when not given.",
            ),
            "to": serializers.DateField(
                required=False, help_text="The last day, in UTC and included; today when not given."
            ),
            "as": serializers.ChoiceField(
                choices=["json", "csv", "pdf"], required=False, default="json"
            ),
        }


class _Output(serializers.Serializer[Any]):
    """Describes an answer; never run."""


class AccountOutput(_Output):
    id = serializers.UUIDField()
    level = serializers.ChoiceField(choices=Account.Level.values)
    name = serializers.CharField()
    parent_id = serializers.UUIDField(allow_null=True)
    currency = serializers.CharField()
    balance = serializers.CharField(allow_null=True)
    held = serializers.CharField()
    low_balance_threshold = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=Account.Status.values)


class EntryOutput(_Output):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    transaction_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=_KINDS)
    account_id = serializers.UUIDField()
    amount = serializers.CharField()
    currency = serializers.CharField()
    balance_after = serializers.CharField(allow_null=True)
    reference = serializers.CharField()
    note = serializers.CharField()
    created_at = serializers.DateTimeField()


class StatementOutput(_Output):
    def get_fields(self) -> dict[str, Any]:
        return {
            "account_id": serializers.UUIDField(),
            "name": serializers.CharField(),
            "currency": serializers.CharField(),
            "from": serializers.DateField(),
            "to": serializers.DateField(),
            "opening_balance": serializers.CharField(),
            "entries": EntryOutput(many=True),
            "closing_balance": serializers.CharField(),
        }


class AllocationOutput(_Output):
    transaction_id = serializers.UUIDField()
    out_entry = EntryOutput()
    in_entry = EntryOutput()
    from_balance = serializers.CharField(allow_null=True)
    to_balance = serializers.CharField(allow_null=True)
