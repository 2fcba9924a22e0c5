"""What each job does, and what stands still while it is switched off, for operators to read."""

from __future__ import annotations

import dataclasses
from typing import Final

from celery import current_app


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JobWords:
    """A job's name for people, what it does, and what its being off means."""

    title: str
    does: str
    off: str = ""


def _words(title: str, does: str, off: str) -> JobWords:
    return JobWords(title=title, does=does, off=off)


_WORDS: Final[dict[str, JobWords]] = {
    "alerts.tasks.run_monitors": _words(
        "Monitors",
        "Looks for what is wrong: empty pools, texts that don't arrive, late jobs and more.",
        "Nobody is told of trouble, unless something outside asks for the monitors.",
    ),
    "alerts.tasks.vacuum_tables": _words(
        "Clean-up of the tables",
        "Tidies the busiest tables and measures them, so that queries stay quick.",
        "The database does it by itself, later and less thoroughly.",
    ),
    "alerts.tasks.sweep_notices": _words(
        "Notices of alerts",
        "Sends what alerts have to say to Slack, e-mail and webhooks.",
        "Alerts show here only; nobody is written to.",
    ),
    "alerts.tasks.remind_of_alerts": _words(
        "Reminders of alerts",
        "Reminds of critical alerts that nobody has taken on.",
        "An alert is told once and not again.",
    ),
    "alerts.tasks.escalate_incidents": _words(
        "Escalation of incidents",
        "Tells the next person when an incident goes on for too long.",
        "Incidents stay with whoever was told first.",
    ),
    "alerts.tasks.sweep_webhooks": _words(
        "Webhooks",
        "Sends clients' webhooks that are due, and again those that failed.",
        "Clients' systems hear of nothing until it is on again; what is due is kept.",
    ),
    "alerts.tasks.recover_jobs": _words(
        "Recovery of jobs",
        "Finds runs whose worker is gone, and runs their jobs again.",
        "A run that is lost is noticed only when its job is due the next time.",
    ),
    "alerts.tasks.clear_history": _words(
        "Clearing of old runs, notices and alerts",
        "Forgets what jobs did, what was wrong, and who was told, longer ago than is kept.",
        "The lists of runs, of notices and of alerts grow.",
    ),
    "sms.tasks.sweep_messages": _words(
        "Sending of texts",
        "Sends texts and e-mails that are due, whether they were announced or not.",
        "No text is sent when it is due. “Texts again” still sends every few minutes: switch off"
        " both to stop all.",
    ),
    "sms.tasks.retry_messages": _words(
        "Texts again",
        "Sends again what failed in passing.",
        "With “Sending of texts” on, that one does it.",
    ),
    "sms.tasks.redact_texts": _words(
        "Emptying of texts at the provider",
        "Takes codes off the provider's record of texts that have arrived.",
        "Codes stay readable at the provider for longer.",
    ),
    "giftcards.tasks.sweep_orders": _words(
        "Orders at providers",
        "Buys cards that were ordered, and asks about those of which nobody knows.",
        "Nothing is bought; who waits for a card goes on waiting.",
    ),
    "giftcards.tasks.expire_cards": _words(
        "Expiry of cards",
        "Takes cards past their date out of stock.",
        "Cards that nobody can use any more may be handed out.",
    ),
    "giftcards.tasks.run_uploads": _words(
        "Large uploads",
        "Checks and imports large files of cards.",
        "Uploads wait.",
    ),
    "giftcards.tasks.sweep_uploads": _words(
        "Uploads that broke off",
        "Clears away uploads that broke off or were never confirmed.",
        "They stay in the list.",
    ),
    "giftcards.tasks.sync_brands": _words(
        "Providers' lists",
        "Asks the card providers what they sell.",
        "A brand that a provider has dropped is noticed when an order fails.",
    ),
    "giftcards.tasks.check_floats": _words(
        "Our money at providers",
        "Asks the card providers how much money of ours they have.",
        "Nobody is warned before it is used up.",
    ),
    "giftcards.tasks.refill_buffers": _words(
        "Refilling of buffers",
        "Orders cards for buffer pools that are under their target.",
        "Buffers run empty; then each card is bought when it is asked for.",
    ),
    "giftcards.tasks.watch_pools": _words(
        "Levels of pools",
        "Watches how full the pools are, and notes when they pass a level.",
        "Clients' systems are not told of levels.",
    ),
    "redemption.tasks.serve_waiting": _words(
        "Waiting rewards",
        "Gives cards that have come to those who wait for them.",
        "Nobody who waits is served, also when cards come.",
    ),
    "redemption.tasks.process_events": _words(
        "CRM events",
        "Acts on events of CRMs that nobody has finished, and on those to be replayed.",
        "Events that broke off stay open.",
    ),
    "redemption.tasks.review_budgets": _words(
        "Budgets",
        "Reviews campaigns' budgets and low balances.",
        "Warnings of low budgets may come late.",
    ),
    "redemption.tasks.review_forms": _words(
        "Slowed forms",
        "Ends the alerts of forms that are no longer slowed down.",
        "Such alerts stay open.",
    ),
    "redemption.tasks.clear_attempts": _words(
        "Clearing of tries at codes",
        "Clears tries at codes that are older than they are kept.",
        "They are kept for longer than the privacy page says.",
    ),
    "redemption.tasks.apply_retention": _words(
        "Retention",
        "Empties what is about people and older than it is kept.",
        "It is kept for longer than the privacy page says.",
    ),
    "redemption.tasks.sweep_erasures": _words(
        "Erasures",
        "Goes on with forgetting people where it broke off or had to wait.",
        "Erasures that wait are not finished.",
    ),
    "redemption.tasks.find_duplicates": _words(
        "Duplicate claims",
        "Looks for codes that two people hold.",
        "Nobody is told of them.",
    ),
    "redemption.tasks.expire_claims": _words(
        "Cards that nobody opened",
        "Takes back cards that nobody opened by their campaign's claim expiry.",
        "They stay with their recipients for longer.",
    ),
    "redemption.tasks.remind_claims": _words(
        "Reminders of cards",
        "Reminds whoever has not opened their card, before it is taken back.",
        "Their card may be taken back without a reminder.",
    ),
    "redemption.tasks.clean_up_stuck": _words(
        "Stuck cards",
        "Takes back cards that were claimed and went nowhere.",
        "Such cards can't be given to others.",
    ),
    "redemption.tasks.count_report_days": _words(
        "Counting for reports",
        "Counts the days that are over, and those that have changed since.",
        "Reports show yesterday's figures of the day it was switched off.",
    ),
    "redemption.tasks.send_daily_reports": _words(
        "Daily report by mail",
        "Sends the report of the day before to those who asked for it, at their hour.",
        "Nobody gets it; what is due follows when it is on again, for a week at most.",
    ),
    "loyalty.tasks.replay_points": _words(
        "Points that are owed",
        "Tries again to apply the points of checkouts that were paid.",
        "Customers wait for points they have paid for.",
    ),
    "loyalty.tasks.expire_points": _words(
        "Expiry of points",
        "Takes points that are older than their programme keeps them, the oldest first.",
        "Points stay longer than was promised.",
    ),
    "loyalty.tasks.recalculate_tiers": _words(
        "Tiers",
        "Puts every customer into the tier that their points reach.",
        "A changed tier takes effect only with the next purchase.",
    ),
    "loyalty.tasks.sweep_erasures": _words(
        "Texts of forgotten customers",
        "Asks the provider of texts again to empty what it still has of forgotten customers.",
        "It keeps what it did not empty at once.",
    ),
    "credit.tasks.rebalance_accounts": _words(
        "Balancing of busy accounts",
        "Evens out the slots of accounts from which many draw at once.",
        "Redemptions on busy accounts get slower.",
    ),
    "credit.tasks.audit_ledger": _words(
        "Audit of the ledger",
        "Proves that the ledger adds up, or raises the alarm.",
        "A fault in the books is noticed late.",
    ),
    "alerts.tasks.verify": _words(
        "Proof of the database",
        "Proves every promise of the whole database, or raises the alarm.",
        "Damage to the data is noticed late.",
    ),
    "redemption.tasks.watch_canaries": _words(
        "Watch on canary codes",
        "Raises the alarm when somebody tries a code that nobody was given.",
        "A leak of codes is not noticed.",
    ),
    "credit.tasks.clear_answers": _words(
        "Clearing of Idempotency-Keys",
        "Forgets the Idempotency-Keys that nobody repeats any more.",
        "The table grows.",
    ),
    "loyalty.tasks.settle_payments": _words(
        "Card payments at tills",
        "Asks about payments and refunds whose end the gateway has not told.",
        "Checkouts stay unknown with their points held, and no refund is paid back to a card.",
    ),
    "credit.tasks.clear_sign_ins": _words(
        "Clearing of sign-ins",
        "Deletes sessions that have expired.",
        "The table grows; nobody stays signed in by it.",
    ),
    "celery.backend_cleanup": _words(
        "Celery's own clean-up",
        "Clears results that Celery keeps. We keep none, so it does nothing.",
        "Nothing stands still.",
    ),
}


def describe_job(*, name: str, task: str) -> JobWords:
    """Return a job's words; of one that is not ours its name, and what its task says of itself."""
    known = _WORDS.get(task)
    if known is not None and name == task:
        return known
    code = current_app.tasks.get(task)
    lines = (code.__doc__ or "").strip().splitlines() if code is not None else []
    does = known.does if known else lines[0] if lines else f"Runs the task {task}."
    title = name
    if name == task:
        title = name.rpartition(".")[2].replace("_", " ").capitalize()
    return JobWords(title=title, does=does, off=known.off if known else "")


def has_words(task: str) -> bool:
    """Tell whether somebody has written down what a job does."""
    return task in _WORDS
