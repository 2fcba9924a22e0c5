from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("credit", "0013_desk_permissions")]

    operations = []
