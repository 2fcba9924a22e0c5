from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0008_provider_orders"),
    ]

    operations = []
