"""Who may redeem: recipients and the codes they are given."""

import dataclasses

from alerts.keyring import decrypt, digest, encrypt
from alerts.transactions import transaction_required
from redemption.codes import generate_code, normalise_code
from redemption.models import Campaign, Recipient, StagedRecipient

_CONTEXT = "redemption_recipient.code"


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
def add_recipient(
    *,
    campaign: Campaign,
    code: str | None = None,
    first_name: str = "",
    last_name: str = "",
    phone: str = "",
    email: str = "",
    is_test: bool = False,
) -> tuple[Recipient, str]:
    """Add one recipient; return it with its redemption code, which is made when not given.

    :param phone: E.164, or empty.
    :raises django.db.IntegrityError: the code is taken.
    """
    code = normalise_code(code) if code else generate_code()
    sealed = seal_redemption_code(code)
    recipient = Recipient.objects.create(
        campaign=campaign,
        client_id=campaign.client_id,
        first_name=first_name,
        last_name=last_name,
        phone=phone,
        email=email,
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
