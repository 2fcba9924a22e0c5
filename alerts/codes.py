"""The catalogue of everything that can go wrong.

Doors, API, traces, documents and the admin's help all print from this table, so that a
customer, an agent and an engineer who talk about ``GC-010`` talk about the same thing.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from alerts.explanations import ExplainedCode, Explanation

_NOT_SET_UP = _(
    "This reward is not quite ready on our side. Your code is safe and still yours. "
    "Please try again later. If you would like our help now, call {support_phone}."
)
_OUR_FAULT = _(
    "Something went wrong on our side. Nothing was lost: please try again in {minutes} minutes. "
    "If it happens again, call {support_phone}."
)


class ErrorCode(ExplainedCode):
    """A kind of failure. ``Explanation`` says what its words are for."""

    CONDITION_INCOMPLETE = Explanation(
        code="GC-001",
        status=400,
        title=_("Reward not set up"),
        customer=_NOT_SET_UP,
        operator="The campaign's condition names no brand or no card value.",
        action="Open the campaign, give the condition a brand and a value, then redeem again.",
    )
    BRAND_UNAVAILABLE = Explanation(
        code="GC-002",
        status=400,
        title=_("Brand not available"),
        customer=_(
            "This gift card is not offered right now. Your code is safe and still yours. "
            "Please try again later. To ask about another card, call {support_phone}."
        ),
        operator="The brand is unknown, switched off, or not offered by this agency or client.",
        action="Switch the brand on for the platform, agency and client, or choose another one.",
    )
    OUT_OF_STOCK = Explanation(
        code="GC-003",
        status=409,
        other_statuses=(202,),
        title=_("Out of cards for now"),
        customer=_(
            "We have run out of these gift cards for the moment, and our team has been told. "
            "Your code is safe: please try again in {minutes} minutes. "
            "If you would rather talk to us, call {support_phone}."
        ),
        waiting=_(
            "We have run out of these gift cards for the moment, and our team has been told. "
            "Your reward is kept for you and will reach you within {hours} hours, "
            "without anything more to do. If you have questions, call {support_phone}."
        ),
        operator="No card is available in the pool, in the buffer or from the provider.",
        action="Upload or buy cards for the pool. Waiting redemptions are then served by "
        "themselves, oldest first; where the campaign does not queue, redeem again.",
    )
    PROVIDER_NOT_CONFIGURED = Explanation(
        code="GC-004",
        status=503,
        title=_("Card service not available"),
        customer=_(
            "We can't prepare this gift card right now, and our team has been told. "
            "Your code is safe: please try again in {minutes} minutes. "
            "If you would rather talk to us, call {support_phone}."
        ),
        operator="The pool buys from a provider whose address or keys are not set.",
        action="Set the provider's address and keys, or let the pool use uploaded cards only.",
    )
    PROVIDER_FAILED = Explanation(
        code="GC-005",
        status=502,
        other_statuses=(202,),
        title=_("Card could not be prepared"),
        customer=_(
            "We couldn't prepare your gift card just now. Nothing was lost and your code is "
            "still good: please try again in {minutes} minutes. "
            "If it happens again, call {support_phone}."
        ),
        waiting=_(
            "Your gift card is being prepared, which can take a few minutes. "
            "It will be sent to you by itself. Please don't enter your code again."
        ),
        operator="The provider refused the order, answered nonsense, or did not answer.",
        action="Read the provider order's last answer. Refused: the credit is back, redeem "
        "again. No answer: leave it to the retries; what stays unknown is on the "
        "unknown-outcome list.",
    )
    INSUFFICIENT_CREDIT = Explanation(
        code="GC-006",
        status=402,
        title=_("Rewards paused"),
        customer=_(
            "We can't give out this reward right now, and our team has been told. "
            "Your code is safe and still yours: please try again later. "
            "If you would rather talk to us, call {support_phone}."
        ),
        operator="The account that pays for this campaign holds less than the charge.",
        action="Allocate credit to the account. A depleted campaign then resumes by itself.",
    )
    LEDGER_FAILED = Explanation(
        code="GC-007",
        status=500,
        title=_("Something went wrong on our side"),
        customer=_OUR_FAULT,
        operator="The ledger refused the movement, so card, credit and redemption were all "
        "left as they were.",
        action="Run the ledger audit and look the request id up in the trace before anyone "
        "tries again.",
    )
    NO_BILLING_ACCOUNT = Explanation(
        code="GC-008",
        status=400,
        title=_("Reward not set up"),
        customer=_NOT_SET_UP,
        operator="The campaign names no account to bill.",
        action="Open the campaign and choose its budget: shared with the client, or its own.",
    )
    VERIFICATION_NEEDED = Explanation(
        code="GC-009",
        status=403,
        other_statuses=(202,),
        title=_("One more step needed"),
        customer=_(
            "We need to be sure this reward goes to the right person. Please check the details "
            "you were asked for and try again. If it still doesn't work, call {support_phone}."
        ),
        waiting=_(
            "We have sent you a text message. Reply YES to it, or tap its link, and your reward "
            "will follow by itself. If no message comes, call {support_phone}."
        ),
        operator="The recipient has not opted in to texts, or the second factor (last name, "
        "postal code or phone) is missing or wrong.",
        action="Send the opt-in text, or ask for the detail again and compare it with the "
        "recipient's record. With the permission, opt-in can be skipped with a reason.",
    )
    ALREADY_REDEEMED = Explanation(
        code="GC-010",
        status=409,
        title=_("Already redeemed"),
        customer=_(
            "This code has already been used for its reward. To see your gift card again, open "
            "the link in the message we sent you, or use the same device and browser as before. "
            "If the message is gone, or it wasn't you, call {support_phone}."
        ),
        operator="This recipient already has the reward of this condition.",
        action="Open the existing redemption. Check the recipient's identity, then resend it; "
        "never give out a second card.",
    )
    UNKNOWN_CODE = Explanation(
        code="GC-011",
        status=404,
        title=_("Code not found"),
        customer=_(
            "We couldn't find that code. Please double-check it against your letter or message "
            "and try again. If it still can't be found, call {support_phone}."
        ),
        operator="No recipient in reach has this redemption code.",
        action="Have the code read out symbol by symbol, or find the recipient by name, phone "
        "or e-mail. Repeated failures from one address are blocked by themselves.",
    )
    INVALID_INPUT = Explanation(
        code="GC-012",
        status=400,
        title=_("Please check what was entered"),
        customer=_(
            "Something is missing or not quite right. "
            "Please check the marked details and try again."
        ),
        operator="A value is missing or malformed; the answer names each field and why.",
        action="Correct the named fields and send it again.",
    )
    DATABASE_FAILED = Explanation(
        code="GC-013",
        status=500,
        title=_("Something went wrong on our side"),
        customer=_OUR_FAULT,
        operator="The database could not be reached or refused the work; nothing was changed.",
        action="Look at the health page and the database's log under the request id.",
    )
    DELIVERY_NOT_STARTED = Explanation(
        code="GC-014",
        status=502,
        title=_("Message could not be sent"),
        customer=_(
            "Your reward is safe, but we couldn't send the message. Please check the phone "
            "number, or choose e-mail instead. If neither works, call {support_phone}."
        ),
        operator="The text or e-mail could not be handed to its provider, or the service is "
        "not configured.",
        action="Correct the number, send by e-mail, or read the reward out and mark it as "
        "delivered by hand. A card that nobody has seen goes back to stock after a while, and "
        "the code can then be redeemed anew; any other stays with its recipient.",
    )
    UNEXPECTED = Explanation(
        code="GC-015",
        status=500,
        title=_("Something went wrong on our side"),
        customer=_OUR_FAULT,
        operator="A failure nobody foresaw; the log has it under the request id.",
        action="Pass the request id on to engineering, with the time and what was tried.",
    )
    RATE_LIMITED = Explanation(
        code="GC-101",
        status=429,
        minutes=5,
        title=_("Too many attempts"),
        customer=_(
            "That was a lot of attempts in a short time. "
            "Please wait {minutes} minutes and try again."
        ),
        operator="More attempts than the limit for this address, code, key or agent.",
        action="Wait for the time given. For a genuine caller, redeem at the desk.",
    )
    BLOCKED = Explanation(
        code="GC-102",
        status=403,
        title=_("Too many attempts"),
        customer=_(
            "There were too many attempts that didn't work, so we have paused entries from here "
            "for now. Please try again tomorrow. If you need your reward today, call "
            "{support_phone}."
        ),
        operator="The address is blocked, by itself after failed attempts or by a person.",
        action="Look the address up, read its attempts, and lift the block with a reason if "
        "they are genuine. Help the customer at the desk meanwhile.",
    )
    AWAITING_APPROVAL = Explanation(
        code="GC-103",
        status=202,
        title=_("Waiting for approval"),
        customer=_(
            "Your reward is waiting for approval. There is nothing more to do: we will send it "
            "to you as soon as it is approved. If you have questions, call {support_phone}."
        ),
        operator="The campaign asks for an approval that this recipient does not have yet.",
        action="Approve or reject the recipient; an approved reward goes on by itself.",
    )
    CAMPAIGN_NOT_ACTIVE = Explanation(
        code="GC-104",
        status=409,
        title=_("Offer not open"),
        customer=_(
            "This offer is not open at the moment. Please check its dates and try again then. "
            "If you have questions, call {support_phone}."
        ),
        operator="The campaign is a draft, paused, ended, or outside its dates.",
        action="Check the campaign's status and dates; activate it if it should be running.",
    )
    CAP_REACHED = Explanation(
        code="GC-105",
        status=409,
        title=_("Limit reached"),
        customer=_(
            "This offer has reached its limit for now. Your code is safe: please try again "
            "tomorrow. If you have questions, call {support_phone}."
        ),
        operator="The campaign's cap per day or per recipient is reached.",
        action="A daily cap opens again tomorrow; raise the cap in the campaign if it should "
        "be higher.",
    )
    CODE_EXPIRED = Explanation(
        code="GC-106",
        status=410,
        title=_("Code expired"),
        customer=_(
            "We're sorry, the time to use this code has passed. "
            "Please compare it with the date in your letter or message. "
            "If you think this is a mistake, call {support_phone}."
        ),
        operator="The campaign's claim expiry has passed for this code.",
        action="Check the expiry in the campaign; extend it there if the client agrees.",
    )
    KEY_REUSED = Explanation(
        code="GC-107",
        status=422,
        title=_("Sent before with other content"),
        customer=_(
            "This was sent before with different details, so we didn't do anything this time. "
            "Please start again from the beginning."
        ),
        operator="The Idempotency-Key was used before with another body.",
        action="Use a new key for each new request, and the same key only to repeat one unchanged.",
    )
    STILL_RUNNING = Explanation(
        code="GC-108",
        status=409,
        title=_("Still working on it"),
        customer=_(
            "We are still working on your request. Please wait a moment and try again; "
            "nothing will be done twice."
        ),
        operator="The first request with this Idempotency-Key has not finished yet.",
        action="Repeat the same request with the same key after the seconds in Retry-After.",
    )
    NOT_AUTHENTICATED = Explanation(
        code="GC-109",
        status=401,
        title=_("Please sign in"),
        customer=_("We couldn't tell who is asking. Please sign in and try again."),
        operator="The API key, signature or session is missing, wrong, expired or revoked.",
        action="Check the key and its expiry, or the signing secret and the clock (5 minutes).",
    )
    NOT_PERMITTED = Explanation(
        code="GC-110",
        status=403,
        title=_("Not allowed"),
        customer=_("You don't have access to this. If you need it, please ask your administrator."),
        operator="The key lacks the scope, or the user lacks the permission.",
        action="Give the key the scope the endpoint names, or the user the role.",
    )
    NOT_FOUND = Explanation(
        code="GC-111",
        status=404,
        title=_("Not found"),
        customer=_("We couldn't find what you are looking for. Please check the address or link."),
        operator="No such thing, or it is outside the asker's scope.",
        action="Check the id, and that the key or user belongs to its client or agency.",
    )
    NOT_ENOUGH_POINTS = Explanation(
        code="GC-112",
        status=422,
        title=_("Not enough points"),
        customer=_("There are not enough points for this. Please choose fewer, and try again."),
        operator="The customer has fewer points available than were asked for; points that are "
        "set aside count as spent.",
        action="Offer what is available, or complete or cancel what sets points aside.",
    )
    PAYMENT_DECLINED = Explanation(
        code="GC-113",
        status=402,
        title=_("Payment declined"),
        customer=_(
            "The payment was declined, and nothing was charged. "
            "Please try another way to pay, or ask your bank."
        ),
        operator="The payment gateway declined; stock and points that were set aside are free "
        "again.",
        action="Start a new checkout with another means of payment.",
    )
    FILE_ALREADY_UPLOADED = Explanation(
        code="GC-114",
        status=409,
        title=_("File already uploaded"),
        customer=_("This file was uploaded before, so nothing was added. Please check the list."),
        operator="A file with exactly this content was imported before.",
        action="Open the earlier upload. If it was wrong and is unused, undo it, then upload "
        "again.",
    )
    STATE_FORBIDS = Explanation(
        code="GC-115",
        status=409,
        title=_("Not possible any more"),
        customer=_(
            "This can't be done any more, because things have moved on in the meantime. "
            "Please reload the page to see how it stands."
        ),
        operator="The thing is in a state that does not allow this step.",
        action="Reload, read its state and history, and choose a step that is still open.",
    )
    TOO_LARGE = Explanation(
        code="GC-116",
        status=413,
        title=_("Too large"),
        customer=_("That is more than we can take at once. Please send it in smaller parts."),
        operator="The body is over 10 MB, or the file has more rows than one request takes.",
        action="Split it, or import the whole file in a background job.",
    )
    UNSUPPORTED_REQUEST = Explanation(
        code="GC-117",
        status=405,
        other_statuses=(406, 415),
        title=_("Request not supported"),
        customer=_("That doesn't work here. Please go back and try again from the page."),
        operator="The address exists, but not for this method or media type.",
        action="Check the method, Content-Type and Accept against the documentation.",
    )
