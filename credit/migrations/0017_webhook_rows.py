from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("credit", "0016_privacy_permission")]

    operations = []
