from django.db import migrations

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("giftcards", "0004_row_level_security")]

    operations = [install("giftcards", "batch_guards")]
