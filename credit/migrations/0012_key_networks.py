import django.contrib.postgres.fields
from django.db import migrations, models

from alerts.sqlfiles import install

# Its signature has changed.
_DROP = "DROP FUNCTION IF EXISTS credit_find_api_key(bytea, timestamptz)"


class Migration(migrations.Migration):
    dependencies = [("credit", "0011_replace_permission")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="allowed_networks",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=43), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="refused_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="apikey",
            name="refused_address",
            field=models.GenericIPAddressField(blank=True, null=True),
        ),
        migrations.RunSQL(_DROP, migrations.RunSQL.noop),
        install("credit", "find_api_key"),
    ]
