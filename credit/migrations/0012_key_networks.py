from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("credit", "0011_replace_permission")]

    operations = []
