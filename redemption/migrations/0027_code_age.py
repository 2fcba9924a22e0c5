from typing import Final

from django.db import migrations, models

from alerts.sqlfiles import install

# What is checked at the end of a transaction is checked here: its table can't be altered before.
_TELL_OF_ALL: Final = """
    UPDATE redemption_redemption r
        SET code_age_hours = redemption_code_age_hours(r.created_at - p.created_at)
        FROM redemption_recipient p WHERE p.id = r.recipient_id;
    SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):
    dependencies = [("redemption", "0026_clearing")]

    operations = [
        install("redemption", "reports"),
        migrations.AddField(
            model_name="redemption",
            name="code_age_hours",
            field=models.PositiveIntegerField(editable=False, null=True),
        ),
        migrations.RunSQL(_TELL_OF_ALL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="redemption",
            name="code_age_hours",
            field=models.PositiveIntegerField(editable=False),
        ),
        install("redemption", "facts", "redeem"),
    ]
