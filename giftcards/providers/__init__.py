"""What we ask of whoever sells us cards; one vendor's files stand beside this one."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Final, Literal, Protocol

from django.conf import settings

from credit.money import Money, UnknownCurrencyError, minor_digits
from giftcards.providers.catalogue import ProviderCatalogue, ProviderFloat, StockLevels
from giftcards.providers.outcomes import IssueOutcome, StatusOutcome, UndoOutcome

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{5,50}")
# Who can sell us cards, by the names that pools and orders use.
PROVIDERS: Final = {"tillo": "Tillo"}
_BRAND: Final = re.compile(r"[a-z0-9-]{1,255}")
_TAG: Final = re.compile(r"[-A-Za-z0-9 ]+")

DeliveryMethod = Literal["code", "url"]


class MalformedOrderError(ValueError):
    """No provider could take this: our own mistake, found before anything is sent."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CardOrder:
    """One card to be bought.

    :param request_id: names this purchase for good: sent again it buys nothing more.
    :param brand: the provider's name for it.
    :param is_asynchronous: the brand is sold by ordering now and asking later.
    :raises MalformedOrderError: something in it can't be sent to any provider.
    """

    request_id: str
    brand: str
    amount_minor: int
    currency: str
    delivery_method: DeliveryMethod = "code"
    is_asynchronous: bool = False
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_request_id(self.request_id)
        if not _BRAND.fullmatch(self.brand):
            raise MalformedOrderError("A brand is lower-case letters, digits and dashes.")
        if self.amount_minor <= 0:
            raise MalformedOrderError("A card has a value.")
        try:
            minor_digits(self.currency)
        except UnknownCurrencyError as error:
            raise MalformedOrderError(str(error)) from None
        if not all(_TAG.fullmatch(tag) for tag in self.tags):
            raise MalformedOrderError("A tag is letters, digits, spaces and dashes.")


def check_request_id(request_id: str) -> None:
    """Refuse a request id that a provider would refuse.

    :raises MalformedOrderError: it is not 5 to 50 letters, digits, dashes and underscores.
    """
    if not REQUEST_ID.fullmatch(request_id):
        raise MalformedOrderError("A request id is 5 to 50 letters, digits, - and _.")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RateQuota:
    """What the provider last said of how often one of its doors may be used in a minute."""

    limit: int | None
    remaining: int | None
    read_at_seconds: float


class ProviderError(Exception):
    """A question was not answered; the subclasses say why. No money hangs on it."""


class NoAnswerError(ProviderError):
    """No usable answer came back: what was asked may have been done."""


class UnreachableError(NoAnswerError):
    """No connection came about, so the provider knows of nothing."""


class RefusedError(ProviderError):
    """The provider said no.

    :param code: its own error code.
    :param retry_after_seconds: how long it asked us to stay away.
    """

    def __init__(self, code: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(code, retry_after_seconds)
        self.code = code
        self.retry_after_seconds = retry_after_seconds


class NotConfiguredError(Exception):
    """Nobody is set up to sell us cards."""


class CardProvider(Protocol):
    """A vendor; every call is bounded in time and safe to make from several threads.

    What may cost money never raises: it returns one of a closed set of outcomes. Questions
    return their answer or raise :class:`ProviderError`.
    """

    def issue(self, order: CardOrder) -> IssueOutcome:
        """Buy a card. The same request id again answers with the first result."""

    def order_status(self, order: CardOrder) -> StatusOutcome:
        """Ask what became of an order."""

    def reverse(self, order: CardOrder, *, request_id: str) -> UndoOutcome:
        """Take a sale back whose card we may never have seen.

        :param request_id: names the undoing, as the order's names the sale.
        """

    def cancel(
        self, order: CardOrder, *, request_id: str, code: str = "", pin: str = "", url: str = ""
    ) -> UndoOutcome:
        """Take a sale back by its card: ``code`` (and ``pin``, if it has one) or ``url``."""

    def check_stock(self, *, brand: str, currency: str) -> StockLevels:
        """Return how many cards of each value the provider has.

        :raises ProviderError: it did not say; not every brand's stock can be asked for.
        """

    def list_brands(self) -> ProviderCatalogue:
        """Return what the provider sells to us.

        :raises ProviderError: it did not say.
        """

    def check_floats(self) -> list[ProviderFloat]:
        """Return our money at the provider.

        :raises ProviderError: it did not say.
        """

    def check_balance(self, order: CardOrder, *, request_id: str) -> Money:
        """Return what is left on a card that we bought.

        :raises ProviderError: it did not say; not every brand tells.
        """

    def quotas(self) -> Mapping[str, RateQuota]:
        """Return what this process knows of the limits of each door."""


def choose_provider(name: str) -> CardProvider:
    """Return a vendor by its name.

    :raises NotConfiguredError: nobody; the text says what is missing.
    """
    if name not in PROVIDERS:
        raise NotConfiguredError(f"There is no card provider {name}.")
    missing = missing_settings(name)
    if missing:
        raise NotConfiguredError(f"Set {', '.join(missing)}.")
    # requests takes a while to load, which only a process that buys should pay.
    from giftcards.providers.tillo import connect_tillo

    return connect_tillo()


def configured_providers() -> list[str]:
    """Return the names of the vendors that are set up to sell us cards."""
    return [name for name in PROVIDERS if not missing_settings(name)]


def missing_settings(_name: str) -> list[str]:
    """Return the settings that a vendor still needs."""
    names = ("TILLO_BASE_URL", "TILLO_API_KEY", "TILLO_SECRET_KEY", "TILLO_SECTOR")
    return [setting for setting in names if not getattr(settings, setting)]
