from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("credit", "0012_key_networks")]

    operations = []
