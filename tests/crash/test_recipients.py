"""kill -9 of who adds a file of people: nobody is added, and the same file can come again."""

from __future__ import annotations

import io

import psycopg
import pytest

from credit.models import AuditEvent
from credit.selectors.viewers import SYSTEM
from redemption.models import Recipient, RecipientBatch, StagedRecipient
from redemption.services.recipient_uploads import upload_recipients
from tests.crash.test_redeem import wait_until_blocked, wait_until_gone
from tests.crash.test_uploads import START, program
from tests.database import owner_url
from tests.invariants import broken_invariants
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 200
FILE = "external_crm_id\n" + "".join(f"A-{number}\n" for number in range(ROWS))
UPLOADER = (
    START
    + """
import io
from credit.selectors.viewers import SYSTEM
from redemption.services.recipient_uploads import upload_recipients
print("ready", flush=True)
with seeing(EVERYTHING):
    upload_recipients(viewer=SYSTEM, campaign_id=sys.argv[1],
        source=io.BytesIO(sys.argv[2].encode()), file_name="people.csv",
        mode="all_or_nothing", dry_run=False, now=datetime.now(UTC))
"""
)


@pytest.fixture
def world() -> World:
    return build_world()


def test_leaves_nobody_half_added(world: World) -> None:
    with psycopg.connect(owner_url()) as rival:
        # One of its people, not yet committed: the import waits for that in its last statement.
        rival.execute(
            "INSERT INTO redemption_recipient (id, campaign_id, client_id, external_crm_id,"
            " code_digest, code_encrypted, code_last4) SELECT gen_random_uuid(), id, client_id,"
            " 'A-150', '\\x01', 'v1:x', 'xxxx' FROM redemption_campaign WHERE id = %s",
            [world.campaign.pk],
        )
        with program(UPLOADER, str(world.campaign.pk), FILE) as uploader:
            backend = wait_until_blocked(rival)
            uploader.kill()
            rival.rollback()
        wait_until_gone(backend)
    assert not Recipient.objects.exists()
    assert not StagedRecipient.objects.exists()
    assert not RecipientBatch.objects.exists()
    assert not AuditEvent.objects.filter(action="recipients.uploaded").exists()
    report = upload_recipients(
        viewer=SYSTEM,
        campaign_id=world.campaign.pk,
        source=io.BytesIO(FILE.encode()),
        file_name="people.csv",
        mode="all_or_nothing",
        dry_run=False,
        now=NOW,
    )
    assert (report.accepted, Recipient.objects.count()) == (ROWS, ROWS)
    assert broken_invariants() == {}
