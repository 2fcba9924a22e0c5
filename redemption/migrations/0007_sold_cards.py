from django.db import migrations, models
from django.db.models import Case, F, Q, Value, When

from alerts.sqlfiles import install

NOTHING_TO_EARN = When(Q(is_test=True) | Q(charged_minor=0), then=Value(0))


def margin(gained: str, spent: str) -> models.GeneratedField:
    """Return the column that says what lies between two others."""
    return models.GeneratedField(
        db_persist=True,
        expression=Case(NOTHING_TO_EARN, default=F(gained) - F(spent)),
        output_field=models.BigIntegerField(null=True),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0006_spending"),
        ("giftcards", "0006_card_sales"),
    ]

    # What a column is generated from can't be changed: it is computed anew for every row.
    operations = [
        migrations.RemoveField(model_name="redemption", name="agency_margin_minor"),
        migrations.RemoveField(model_name="redemption", name="platform_margin_minor"),
        migrations.AddField(
            model_name="redemption",
            name="agency_margin_minor",
            field=margin("charged_minor", "face_value_minor"),
        ),
        migrations.AddField(
            model_name="redemption",
            name="platform_margin_minor",
            field=margin("face_value_minor", "cost_minor"),
        ),
        install("redemption", "redeem"),
    ]
