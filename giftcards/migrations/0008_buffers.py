from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("giftcards", "0007_provider_orders"),
    ]

    operations = []
