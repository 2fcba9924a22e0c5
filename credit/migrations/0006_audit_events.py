from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("credit", "0005_sign_in")]

    operations = []
