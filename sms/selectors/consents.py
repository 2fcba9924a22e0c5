"""What a person has said to a client's texts."""

from uuid import UUID

from sms.models import OptIn


def has_opted_out(*, client_id: UUID, phone: str) -> bool:
    """Whether the person with this number wants no texts from a client."""
    return _is(OptIn.State.REVOKED, client_id, phone)


def has_opted_in(*, client_id: UUID, phone: str) -> bool:
    """Whether the person with this number has agreed to a client's texts."""
    return _is(OptIn.State.GRANTED, client_id, phone)


def _is(state: OptIn.State, client_id: UUID, phone: str) -> bool:
    return OptIn.objects.filter(client_id=client_id, phone=phone, state=state).exists()
