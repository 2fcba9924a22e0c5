from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("redemption", "0005_row_level_security")]

    operations = [
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(
                condition=models.Q(
                    ("is_test", False), ("state__in", ["issued", "delivered", "confirmed"])
                ),
                fields=["client", "issued_at"],
                include=("charged_minor", "currency", "campaign"),
                name="redemption_spent",
            ),
        ),
    ]
