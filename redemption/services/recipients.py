"""Who may redeem: recipients and the codes they are given."""

import dataclasses
import math
from collections.abc import Collection
from typing import Final

from alerts.errors import ValidationFailedError
from alerts.keyring import decrypt, digest, encrypt
from alerts.transactions import transaction_required
from redemption.codes import generate_code, normalise_code
from redemption.models import Campaign, Recipient, StagedRecipient
from redemption.strength import ENOUGH_ENTROPY_BITS, estimate_entropy_bits

_CONTEXT = "redemption_recipient.code"

WEAK_CODES: Final = (
    "These codes can be guessed: there are about {bits} bits of chance in each, and 50 are needed. "
    "Choose a second factor on the campaign first, such as the last name, so that a code alone is "
    "worth nothing; or leave the codes out, and strong ones are made here."
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SealedRedemptionCode:
    """A redemption code as it is stored."""

    encrypted: str
    digest: bytes
    last4: str


def seal_redemption_code(code: str) -> SealedRedemptionCode:
    """Encrypt a redemption code; spellings that mean the same code get the same digest."""
    normalised = normalise_code(code)
    return SealedRedemptionCode(
        encrypted=encrypt(normalised, context=_CONTEXT),
        digest=digest(normalised, purpose="redemption_code"),
        last4=normalised[-4:],
    )


def open_redemption_code(recipient: Recipient | StagedRecipient) -> str:
    """Decrypt a recipient's redemption code, for the letter it is printed in."""
    return decrypt(recipient.code_encrypted, context=_CONTEXT)


@transaction_required
def admit_codes(*, campaign: Campaign, codes: Collection[str]) -> None:
    """Note that a campaign takes these codes of another system, and how strong they are.

    A campaign without a second factor takes none that can be guessed; a constraint holds that.

    :param codes: normalised; of many, a thousand tell enough.
    :raises ValidationFailedError: they can be guessed, and nothing else is asked for (GC-012).
    """
    if not codes:
        return
    # The row that the constraint looks at: two files at once are noted one after the other.
    known = Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
    bits = math.floor(estimate_entropy_bits(codes))
    if bits < ENOUGH_ENTROPY_BITS and not known.second_factor:
        raise ValidationFailedError(errors={"redemption_code": [WEAK_CODES.format(bits=bits)]})
    weakest = min(bits, bits if known.imported_code_bits is None else known.imported_code_bits)
    Campaign.objects.filter(pk=campaign.pk).update(
        code_policy=Campaign.CodePolicy.IMPORTED, imported_code_bits=weakest
    )


@transaction_required
def add_recipient(
    *,
    campaign: Campaign,
    code: str | None = None,
    first_name: str = "",
    last_name: str = "",
    phone: str = "",
    email: str = "",
    postal_code: str = "",
    is_test: bool = False,
) -> tuple[Recipient, str]:
    """Add one recipient; return it with its redemption code, which is made when not given.

    :param phone: E.164, or empty.
    :raises django.db.IntegrityError: the code is taken.
    :raises ValidationFailedError: it can be guessed, and the campaign asks for nothing else.
    """
    if code:
        code = normalise_code(code)
        admit_codes(campaign=campaign, codes=[code])
    else:
        code = generate_code()
    sealed = seal_redemption_code(code)
    recipient = Recipient.objects.create(
        campaign=campaign,
        client_id=campaign.client_id,
        first_name=first_name,
        last_name=last_name,
        phone=phone,
        email=email,
        postal_code=postal_code,
        code_digest=sealed.digest,
        code_encrypted=sealed.encrypted,
        code_last4=sealed.last4,
        is_test=is_test,
        approval=(
            Recipient.Approval.PENDING
            if campaign.approval_required
            else Recipient.Approval.NOT_NEEDED
        ),
    )
    return recipient, code
