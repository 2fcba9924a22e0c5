"""What is forbidden to the records of uploaded people, whoever writes them."""

from typing import Final

from tests.guards.forbidden import NEW, Forbidden, copy_row

BATCH: Final = "redemption_recipientbatch"
_STAYS: Final = "redemption_recipientbatch_is_undone_only"


def _add(state: str, *, accepted: int, client: str = "client_id") -> str:
    return (
        f"INSERT INTO {BATCH} (id, campaign_id, client_id, file_name, file_hash, state, rows,"
        f" accepted, rejected, rejects, actor) SELECT gen_random_uuid(), id, {client}, 'a.csv',"
        f" '\\x00', '{state}', 2, {accepted}, 0, '[]', 'test' FROM redemption_campaign LIMIT 1;"
    )


_IMPORTED: Final = _add("imported", accepted=2)
_REFUSED: Final = _add("refused", accepted=0)
_GIVE: Final = f"UPDATE redemption_recipient SET batch_id = (SELECT id FROM {BATCH} LIMIT 1);"

UPLOADS: Final = [
    *(
        Forbidden("redemption_recipientbatch_begins", BATCH, statement)
        for statement in (
            _add("undone", accepted=2),
            _add("imported", accepted=0),
            _add("refused", accepted=1),
        )
    ),
    Forbidden(
        "redemption_recipientbatch_begins",
        BATCH,
        copy_row("credit_client", id=NEW, slug="'other-client'", name="'Other'")
        + ";"
        + _add(
            "imported",
            accepted=2,
            client="(SELECT id FROM credit_client WHERE slug = 'other-client')",
        ),
    ),
    *(
        Forbidden(_STAYS, BATCH, f"{_IMPORTED} {_GIVE} {change}")
        for change in (
            f"UPDATE {BATCH} SET state = 'undone'",
            f"UPDATE {BATCH} SET state = 'refused'",
            f"UPDATE {BATCH} SET accepted = 7",
            f"UPDATE {BATCH} SET file_hash = '\\x01'",
        )
    ),
    *(
        Forbidden(_STAYS, BATCH, f"{_REFUSED} {change}")
        for change in (
            f"UPDATE {BATCH} SET state = 'imported'",
            f"UPDATE {BATCH} SET state = 'undone'",
            f"DELETE FROM {BATCH}",
        )
    ),
    Forbidden(_STAYS, BATCH, f"{_IMPORTED} UPDATE {BATCH} SET state = 'undone', accepted = 1"),
    Forbidden("redemption_recipientbatch_file_imported_once", BATCH, _IMPORTED + _IMPORTED),
]
