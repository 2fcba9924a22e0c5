from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("credit", "0017_webhook_rows")]

    operations = []
