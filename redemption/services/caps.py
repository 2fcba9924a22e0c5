"""Caps: how many rewards a campaign gives out in a day, and how many one recipient may have.

They are held by the database: Note [Caps] in ``redemption/sql/rules.sql``.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from django.utils.translation import gettext as _

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, raised_by_database


@raised_by_database
@dataclasses.dataclass(eq=False, kw_only=True)
class CapReachedError(ServiceError):
    """The campaign gives out no more today, or no more to this recipient.

    :param cap: ``day`` or ``recipient``.
    """

    code: ClassVar = ErrorCode.CAP_REACHED
    answer_fields: ClassVar = ("cap",)

    cap: str

    def customer_words(self, *, support_phone: str = "") -> str:
        """Print what a customer is told, in the active language."""
        if self.cap != "recipient":
            return super().customer_words(support_phone=support_phone)
        words = _("You have had all the rewards that this offer has for one person.")
        if not support_phone:
            return words
        return f"{words} " + _("If you think this is a mistake, call {support_phone}.").format(
            support_phone=support_phone
        )
