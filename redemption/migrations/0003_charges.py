from django.db import migrations, models
from django.db.models import Case, F, Value, When

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0002_functions"),
        ("giftcards", "0003_prices"),
    ]

    operations = [
        migrations.AddField(
            model_name="redemption",
            name="agency_margin_minor",
            field=models.GeneratedField(
                db_persist=True,
                expression=Case(
                    When(is_test=True, then=Value(0)),
                    default=F("charged_minor") - F("face_value_minor"),
                ),
                output_field=models.BigIntegerField(null=True),
            ),
        ),
        migrations.AddField(
            model_name="redemption",
            name="platform_margin_minor",
            field=models.GeneratedField(
                db_persist=True,
                expression=Case(
                    When(is_test=True, then=Value(0)),
                    default=F("face_value_minor") - F("cost_minor"),
                ),
                output_field=models.BigIntegerField(null=True),
            ),
        ),
        install("redemption", "facts", "redeem"),
    ]
