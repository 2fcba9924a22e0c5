import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

POLICY = "SELECT credit_show_to_client('credit_clientlook');"


class Migration(migrations.Migration):
    dependencies = [("credit", "0013_desk_permissions")]

    operations = [
        migrations.CreateModel(
            name="ClientLook",
            fields=[
                (
                    "client",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="look",
                        serialize=False,
                        to="credit.client",
                    ),
                ),
                ("colour", models.CharField(blank=True, db_default="", max_length=7)),
                ("logo", models.BinaryField(blank=True, null=True)),
                (
                    "logo_digest",
                    models.CharField(blank=True, db_default="", editable=False, max_length=16),
                ),
                ("logo_width", models.PositiveSmallIntegerField(db_default=0, editable=False)),
                ("logo_height", models.PositiveSmallIntegerField(db_default=0, editable=False)),
                (
                    "embed_origins",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
            ],
        ),
        migrations.RunSQL(POLICY, reverse_sql=migrations.RunSQL.noop),
    ]
