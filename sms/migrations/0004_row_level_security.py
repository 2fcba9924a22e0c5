from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sms", "0003_error_policies")]

    operations = []
