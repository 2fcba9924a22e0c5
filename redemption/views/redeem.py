"""The customer's form: a code, where to send the card, the card.

Every step is a POST that ends in a redirect to this one address, and what the address shows
hangs on what this browser has done: so reload, back, a double click, two tabs and a lost answer
all lead to the same card.
"""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.throttling import RateLimitedError
from redemption.models import Redemption
from redemption.selectors.codes import CodeFacts, find_code
from redemption.selectors.forms import slowed_until
from redemption.selectors.rewards import (
    RewardFacts,
    contact_news,
    latest_message,
    reward_facts,
)
from redemption.services.approvals import NotApprovedError
from redemption.services.attempts import digest_of_recipient
from redemption.services.awaiting import await_card
from redemption.services.contacts import read_contact
from redemption.services.preflight import look_at_code
from redemption.services.redeem import (
    AlreadyProvisionedError,
    Caller,
    Contact,
    UnknownCodeError,
    redeem,
)
from redemption.services.second_factor import SecondFactorError, Verification
from redemption.services.showing import show_card
from redemption.throttling import BlockedError
from redemption.views import pages
from redemption.views.again import used_before
from redemption.views.browsers import browser_of, digest_of_browser, remember_browser
from redemption.views.embedding import address_in, embedded_client
from redemption.views.guarding import address_of, guarded_form
from redemption.views.slowing import Slowing, has_paid, slow_down
from redemption.views.whose import speak, whose_client, whose_code, whose_reward
from sms.providers import NotConfiguredError, choose_provider

_SESSION: Final = "redeem"
# The form that is no campaign's own.
_GENERAL: Final = ""
_OPEN_STATES: Final = frozenset({"ready", "waiting_opt_in", "waiting_approval", "out_of_stock"})
_WAITING_STATES: Final = frozenset(
    {
        Redemption.State.PENDING,
        Redemption.State.PROVISIONING,
        Redemption.State.UNCONFIRMED,
        Redemption.State.WAITING_STOCK,
        Redemption.State.WAITING_OPT_IN,
        Redemption.State.WAITING_APPROVAL,
    }
)
_REFUSALS: Final = {
    "expired": ErrorCode.CODE_EXPIRED,
    "not_active": ErrorCode.CAMPAIGN_NOT_ACTIVE,
    "not_offered": ErrorCode.BRAND_UNAVAILABLE,
    "out_of_credit": ErrorCode.INSUFFICIENT_CREDIT,
    "cap_reached": ErrorCode.CAP_REACHED,
    "redeemed": ErrorCode.ALREADY_REDEEMED,
    "in_progress": ErrorCode.ALREADY_REDEEMED,
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def redeem_form(request: HttpRequest) -> HttpResponse:
    """Show the step this browser is at, or take the next one."""
    browser = browser_of(request)
    if request.method == "POST":
        answer = _take_step(request, browser)
    elif "again" in request.GET:
        request.session.pop(_key(request), None)
        answer = redirect(address_in(request, "redeem"))
    else:
        answer = _show_step(request, browser)
    return remember_browser(answer, browser)


@never_cache
@require_safe
def message_status(request: HttpRequest) -> HttpResponse:
    """Print what became of the text or e-mail, for the card's page to refresh itself."""
    reward = _own_reward(request, browser_of(request))
    news = None if reward is None else latest_message(redemption_id=reward.redemption_id)
    if reward is None or news is None:
        return HttpResponse(status=204)
    context = whose_reward(request, reward)
    part = pages.message_part(news, url=address_in(request, "redeem-message"))
    return render(request, "redeem/_message.html", {**context, "message": part})


def _show_step(request: HttpRequest, browser: str) -> HttpResponse:
    reward = _own_reward(request, browser)
    if "HX-Request" in request.headers and not (reward and reward.state in _WAITING_STATES):
        # The waiting page asks whether it is over. It reloads as a whole, so that the card is
        # disclosed to the answer that shows it and not to a background question.
        return HttpResponseClientRefresh()
    if reward is not None:
        return _show_reward(request, reward)
    facts = _code_in_hand(request)
    if facts is None or facts.state not in _OPEN_STATES:
        return _code_page(request)
    return _contact_page(request, facts)


def _take_step(request: HttpRequest, browser: str) -> HttpResponse:
    if "code" in request.POST:
        answer = _take_code(request, browser)
        if "method" not in request.POST or _state(request).get("recipient_id") is None:
            return answer
    if "method" in request.POST:
        return _take_contact(request, browser)
    return _code_page(request, errors=[_("Please enter the code you were sent.")])


def _take_code(request: HttpRequest, browser: str) -> HttpResponse:
    code = request.POST["code"].strip()
    request.session.pop(_key(request), None)
    if not code:
        return _code_page(request, errors=[_("Please enter the code you were sent.")], status=400)
    if slowed_until(form=_GENERAL, now=timezone.now()) and not has_paid(request, code=code):
        return _slow_page(request, code)
    try:
        facts = _look_up(request, code)
    except UnknownCodeError as error:
        words = error.customer_words(support_phone=settings.SUPPORT_PHONE_NUMBER)
        return _code_page(request, code=code, errors=[words], status=error.code.status)
    except (RateLimitedError, BlockedError) as error:
        return pages.render_problem(request, error, _around(request))
    if facts.state in _OPEN_STATES:
        request.session[_key(request)] = {"recipient_id": str(facts.recipient_id)}
        return redirect(address_in(request, "redeem"))
    if facts.redemption_id is not None and _is_own(facts.redemption_id, browser):
        request.session[_key(request)] = {"redemption_id": str(facts.redemption_id)}
        return redirect(address_in(request, "redeem"))
    refusal = NotApprovedError() if facts.is_rejected else _refusal_of(facts)
    whose = whose_code(request, facts)
    if facts.redemption_id is not None and refusal is ErrorCode.ALREADY_REDEEMED:
        whose = used_before(request, facts, facts.redemption_id)
    return pages.render_problem(request, refusal, whose)


def _refusal_of(facts: CodeFacts) -> ErrorCode:
    if facts.state == "not_offered" and facts.is_incomplete:
        return ErrorCode.CONDITION_INCOMPLETE
    return _REFUSALS[facts.state]


def _look_up(request: HttpRequest, code: str) -> CodeFacts:
    now = timezone.now()
    with guarded_form(request, code=code, now=now):
        facts = None if "\x00" in code else look_at_code(code=code, now=now, **_scope(request))
        if facts is None:
            raise UnknownCodeError
    return facts


def _take_contact(request: HttpRequest, browser: str) -> HttpResponse:
    facts = _code_in_hand(request)
    if facts is None:
        # The session is over, or another tab has gone on: the reward, if there is one, is shown.
        return redirect(address_in(request, "redeem"))
    speak(request, facts.locale)
    now = timezone.now()
    try:
        contact, choice = _read_contact(request), _read_choice(request, facts)
        with _guarded_answer(request, facts, now=now) as verification:
            result = redeem(
                caller=_caller(request, browser),
                contact=contact,
                now=now,
                recipient_id=facts.recipient_id,
                condition_number=choice,
                verification=verification,
            )
    except ValidationFailedError as error:
        return _contact_page(request, facts, errors=error.errors, status=400)
    except SecondFactorError as error:
        # An attempt that failed, where an answer was given; its words never tell how near it was.
        if not error.is_on_file:
            return pages.render_problem(request, error, whose_code(request, facts))
        words = [words for field in error.errors.values() for words in field]
        return _contact_page(request, facts, errors={"verification": words}, status=403)
    except AlreadyProvisionedError as error:
        redemption_id = UUID(str(error.redemption_id))
        if not _is_own(redemption_id, browser):
            whose = used_before(request, facts, redemption_id)
            return pages.render_problem(request, error, whose)
        request.session[_key(request)] = {"redemption_id": str(redemption_id)}
        return redirect(address_in(request, "redeem"))
    except ServiceError as error:
        return pages.render_problem(request, error, whose_code(request, facts))
    request.session[_key(request)] = {"redemption_id": str(result.redemption_id)}
    if result.is_ordered:
        await_card(redemption_id=result.redemption_id, asked_at=now, now=timezone.now())
    return redirect(address_in(request, "redeem"))


def _show_reward(request: HttpRequest, reward: RewardFacts) -> HttpResponse:
    shown = show_card(redemption_id=reward.redemption_id, actor="customer", now=timezone.now())
    context = whose_reward(request, reward)
    if shown is None and reward.state == Redemption.State.FAILED:
        # Their code is as good as before: trying again leads to the question where to send it.
        request.session[_key(request)] = {"recipient_id": str(reward.recipient_id)}
        request.session.save()  # which Django leaves out where the answer is a 5xx
        code = ErrorCode.from_code(reward.reason_code or ErrorCode.PROVIDER_FAILED.code)
        is_rejected = code is ErrorCode.STATE_FORBIDS
        return pages.render_problem(request, NotApprovedError() if is_rejected else code, context)
    if shown is None and reward.state not in _WAITING_STATES:
        # Taken out of use by an operator: a person has to look at it.
        return pages.render_problem(request, ErrorCode.ALREADY_REDEEMED, context)
    if shown is None:
        contact = contact_news(redemption_id=reward.redemption_id)
        context["page"] = pages.waiting_page(reward, contact)
        return render(request, "redeem/waiting.html", context)
    news = latest_message(redemption_id=reward.redemption_id)
    context["card"] = pages.card_page(shown)
    context["message"] = pages.message_part(news, url=address_in(request, "redeem-message"))
    return render(request, "redeem/card.html", context)


def _code_page(
    request: HttpRequest,
    *,
    code: str = "",
    errors: list[str] | None = None,
    status: int = 200,
    slowing: Slowing | None = None,
) -> HttpResponse:
    if slowing is None and slowed_until(form=_GENERAL, now=timezone.now()):
        slowing = slow_down()
    page = {
        "code": code[:64],
        "errors": errors or [],
        "is_slowed": slowing is not None,
        "slowing": slowing,
        # Not after a try at it, which could go on for ever.
        "resumes": bool(slowing and slowing.wait and "work" not in request.POST),
    }
    context = {"page": page, **_around(request)}
    return render(request, "redeem/code.html", context, status=status)


def _slow_page(request: HttpRequest, code: str) -> HttpResponse:
    """Ask for the work, which the page does by itself, or for the wait; nothing is looked up."""
    slowing = slow_down(code=code)
    answer = _code_page(request, code=code, status=429, slowing=slowing)
    answer["Retry-After"] = str(slowing.seconds)
    return answer


def _contact_page(
    request: HttpRequest,
    facts: CodeFacts,
    *,
    errors: dict[str, list[str]] | None = None,
    status: int = 200,
) -> HttpResponse:
    rewards = pages.reward_choices(facts)
    page = {
        "campaign": facts.campaign_name,
        "is_test": facts.is_test,
        "rewards": rewards,
        "condition_number": _condition_number(request)
        or (rewards[0].number if len(rewards) == 1 else None),
        "second_factor": facts.second_factor,
        "verification": request.POST.get("verification", ""),
        "offers_email": _offers_email(),
        "method": request.POST.get("method", "sms"),
        "phone": request.POST.get("phone", ""),
        "email": request.POST.get("email", ""),
        "errors": errors or {},
        "problem": "",
    }
    return render(
        request, "redeem/contact.html", {"page": page, **whose_code(request, facts)}, status=status
    )


def _state(request: HttpRequest) -> dict[str, str]:
    return cast(dict[str, str], request.session.get(_key(request)) or {})


def _code_in_hand(request: HttpRequest) -> CodeFacts | None:
    """Return the code this browser has entered, as it stands now."""
    recipient_id = _state(request).get("recipient_id")
    if recipient_id is None:
        return None
    return find_code(recipient_id=UUID(recipient_id), now=timezone.now())


def _own_reward(request: HttpRequest, browser: str) -> RewardFacts | None:
    """Return the reward this browser has redeemed; the session alone is no proof."""
    redemption_id = _state(request).get("redemption_id")
    if redemption_id is None or not _is_own(UUID(redemption_id), browser):
        return None
    return reward_facts(redemption_id=UUID(redemption_id))


def _is_own(redemption_id: UUID, browser: str) -> bool:
    try:
        reward = reward_facts(redemption_id=redemption_id)
    except Redemption.DoesNotExist:
        return False
    return reward.browser_digest == digest_of_browser(browser)


def _read_contact(request: HttpRequest) -> Contact:
    if request.POST["method"] == "email" and not _offers_email():
        raise ValidationFailedError(errors={"method": [_("Choose a text message.")]})
    return read_contact(
        method=request.POST["method"],
        phone=request.POST.get("phone", ""),
        email=request.POST.get("email", ""),
    )


@contextlib.contextmanager
def _guarded_answer(
    request: HttpRequest, facts: CodeFacts, *, now: datetime
) -> Iterator[Verification | None]:
    """Read the second factor; an answer to it is an attempt like a code."""
    answer = request.POST.get("verification", "")
    if not facts.second_factor or not answer.strip():
        yield None
        return
    digest = digest_of_recipient(facts.recipient_id)
    with guarded_form(request, code_digest=digest, now=now):
        yield Verification(**{facts.second_factor: answer})


def _read_choice(request: HttpRequest, facts: CodeFacts) -> int | None:
    number = _condition_number(request)
    if len(facts.offers) > 1 and number not in {offer.number for offer in facts.offers}:
        raise ValidationFailedError(errors={"condition_number": [_("Please choose your card.")]})
    return number


def _offers_email() -> bool:
    """Tell whether anybody is set up to carry e-mails; a promise nobody keeps is not offered."""
    try:
        choose_provider("email")
    except NotConfiguredError:
        return False
    return True


def _caller(request: HttpRequest, browser: str) -> Caller:
    return Caller(
        door=Redemption.Door.WEB,
        actor="customer",
        request_id=str(request.META["giftline.request_id"]),
        ip_address=address_of(request),
        user_agent=request.META.get("HTTP_USER_AGENT", ""),
        browser_digest=digest_of_browser(browser),
    )


def _condition_number(request: HttpRequest) -> int | None:
    text = request.POST.get("condition_number", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else None


def _scope(request: HttpRequest) -> dict[str, Any]:
    # Note [Embedded]: a client's own form knows its own codes.
    client_id = embedded_client(request)
    return {} if client_id is None else {"scope_kind": "client", "scope_id": client_id}


def _key(request: HttpRequest) -> str:
    # Note [Embedded]: apart from what this browser has done on our own site.
    client_id = embedded_client(request)
    return _SESSION if client_id is None else f"{_SESSION}:{client_id}"


def _around(request: HttpRequest) -> dict[str, Any]:
    client_id = embedded_client(request)
    return {} if client_id is None else whose_client(client_id)
