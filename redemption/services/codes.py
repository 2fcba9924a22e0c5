"""The codes of a campaign: made for people without a name, tried out, and exported.

A redemption code is worth a card to whoever holds it: so whoever takes codes out in plain needs a
right of their own, and is written down before the first of them leaves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.db.models import QuerySet

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction
from credit.models import User
from credit.selectors.staff import may_export_codes
from credit.services.audit import record_event
from redemption.codes import format_code
from redemption.models import Campaign, Recipient
from redemption.selectors.code_strength import unused_recipients
from redemption.services.recipient_rows import FIELDS
from redemption.services.recipient_staging import print_with_code
from redemption.services.recipients import add_recipient

# More at once come from a file of people.
MOST_CODES: Final = 10_000
_PAGE: Final = 1000
# What is on file of somebody who does not exist.
_TEST_LAST_NAME: Final = "Test"
_TEST_POSTAL_CODE: Final = "20500"
_TEST_PHONE: Final = "+12025550100"


@dataclasses.dataclass(eq=False, kw_only=True)
class ExportNotPermittedError(ServiceError):
    """This person may not take codes out."""

    code: ClassVar = ErrorCode.NOT_PERMITTED

    user_id: UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TestCode:
    """A code to try a campaign with, and what to say where it asks for more.

    :param answer: to the second factor, empty where none is asked for.
    """

    __test__: ClassVar[bool] = False

    code: str = dataclasses.field(repr=False)
    answer: str


@seeing(EVERYTHING)
@durable
def make_codes(*, campaign_id: UUID, count: int, user: User, now: datetime) -> int:
    """Add recipients without a name, for the codes they get; return how many.

    :raises ValidationFailedError: no count, or one too large; or the campaign asks for a second
        factor, which nobody has on file who has no name (GC-012).
    """
    if not 1 <= count <= MOST_CODES:
        words = f"Between 1 and {MOST_CODES:,}. More come from a file of people."
        raise ValidationFailedError(errors={"count": [words]})
    with transaction():
        campaign = Campaign.objects.select_related("client").get(pk=campaign_id)
        if campaign.second_factor:
            asked = campaign.get_second_factor_display().lower()
            words = (
                f"The campaign asks for the {asked}, and nobody without a name has one on file: "
                "they could never redeem. Upload people instead."
            )
            raise ValidationFailedError(errors={"count": [words]})
        for _ in range(count):
            add_recipient(campaign=campaign)
        record_event(
            actor=f"user:{user.pk}",
            action="codes.made",
            object_kind="campaign",
            object_id=campaign.pk,
            now=now,
            after={"count": count},
            owner=campaign.client,
        )
    return count


@seeing(EVERYTHING)
@durable
def make_test_code(*, campaign_id: UUID, user: User, now: datetime) -> TestCode:
    """Add somebody who does not exist, whose code walks the whole way: no card and no money."""
    with transaction():
        campaign = Campaign.objects.select_related("client").get(pk=campaign_id)
        recipient, code = add_recipient(
            campaign=campaign,
            first_name="Test",
            last_name=_TEST_LAST_NAME,
            postal_code=_TEST_POSTAL_CODE,
            phone=_TEST_PHONE,
            is_test=True,
        )
        record_event(
            actor=f"user:{user.pk}",
            action="test_code.made",
            object_kind="campaign",
            object_id=campaign.pk,
            now=now,
            after={"recipient_id": str(recipient.pk)},
            owner=campaign.client,
        )
    answers = {
        Campaign.SecondFactor.NONE: "",
        Campaign.SecondFactor.LAST_NAME: _TEST_LAST_NAME,
        Campaign.SecondFactor.POSTAL_CODE: _TEST_POSTAL_CODE,
        Campaign.SecondFactor.PHONE: _TEST_PHONE,
    }
    return TestCode(
        code=format_code(code), answer=answers[Campaign.SecondFactor(campaign.second_factor)]
    )


@durable
def export_codes(
    *, campaign_id: UUID, user: User, now: datetime, batch_id: UUID | None = None
) -> Iterator[list[str]]:
    """Return the rows of a file for the mail house: a header, then who holds an unused code.

    That they are taken out, by whom and how many, is committed before the first row is there.
    Tests, used codes and people who were turned down are left out.

    :param batch_id: only of those who came with this upload.
    :raises ExportNotPermittedError: the person lacks the right (GC-110).
    """
    if not may_export_codes(user):
        raise ExportNotPermittedError(user_id=user.pk)
    with seeing(EVERYTHING), transaction():
        campaign = Campaign.objects.select_related("client").get(pk=campaign_id)
        record_event(
            actor=f"user:{user.pk}",
            action="codes.exported",
            object_kind="campaign",
            object_id=campaign.pk,
            now=now,
            after={
                "count": _unused(campaign, batch_id).count(),
                **({"batch_id": str(batch_id)} if batch_id else {}),
            },
            owner=campaign.client,
        )
    return _rows(campaign, batch_id)


def _unused(campaign: Campaign, batch_id: UUID | None) -> QuerySet[Recipient]:
    unused = unused_recipients(campaign)
    return unused.filter(batch=batch_id) if batch_id else unused


def _rows(campaign: Campaign, batch_id: UUID | None) -> Iterator[list[str]]:
    yield list(FIELDS)
    last: UUID | None = None
    while True:
        # A scope ends before the next page is asked for, not when somebody has read it all.
        with seeing(EVERYTHING):
            unused = _unused(campaign, batch_id)
            page = list((unused.filter(pk__gt=last) if last else unused)[:_PAGE])
        yield from (print_with_code(recipient) for recipient in page)
        if len(page) < _PAGE:
            return
        last = page[-1].pk
