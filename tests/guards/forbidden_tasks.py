"""What is forbidden to the tasks on the desk's list."""

from typing import Final

from tests.guards.forbidden import NEW, Forbidden, copy_row, never_removed

TASK: Final = "redemption_desktask"
_STAYS: Final = "redemption_desktask_stays"
_ADD: Final = (
    f"INSERT INTO {TASK} (id, client_id, kind, recipient_id, redemption_id, phone, due_at,"
    " created_by) SELECT gen_random_uuid(), client_id, 'bad_number', recipient_id, id, '', now(),"
    " 'system' FROM redemption_redemption;"
)
_CLOSE: Final = f"UPDATE {TASK} SET done_at = now(), outcome = 'settled';"

TASKS: Final = [
    Forbidden("redemption_desktask_one_open_of_a_kind", TASK, _ADD + copy_row(TASK, id=NEW)),
    # Closed, it opens never again; a closed one stands in no other's way.
    *(
        Forbidden(_STAYS, TASK, f"{_ADD} {_CLOSE} UPDATE {TASK} SET {change}")
        for change in (
            "done_at = NULL, outcome = ''",
            "done_at = now() + interval '1 day'",
            "due_at = now() + interval '1 day'",
        )
    ),
    *(
        Forbidden(_STAYS, TASK, f"{_ADD} UPDATE {TASK} SET {change}")
        for change in (
            "kind = 'apology'",
            "redemption_id = NULL",
            "recipient_id = NULL",
            "created_by = 'user:1'",
            "client_id = client_id, created_at = now() - interval '1 day'",
        )
    ),
    *(
        Forbidden(
            "redemption_desktask_done_says_by_whom_and_how", TASK, f"{_ADD} UPDATE {TASK} SET {how}"
        )
        for how in (
            "done_at = now()",
            "outcome = 'settled'",
            "done_at = now(), outcome = 'done'",
            "done_note = 'x'",
        )
    ),
    Forbidden("redemption_desktask_kind_known", TASK, _ADD.replace("bad_number", "other")),
    Forbidden(
        "redemption_desktask_is_about_somebody",
        TASK,
        _ADD.replace("'bad_number', recipient_id, id", "'bad_number', NULL, NULL"),
    ),
    Forbidden("refuse_removal", TASK, f"{_ADD} DELETE FROM {TASK}"),
    never_removed(TASK)[-1],
]
