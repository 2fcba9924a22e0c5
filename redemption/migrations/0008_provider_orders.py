from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0007_sold_cards"),
        ("giftcards", "0007_provider_orders"),
    ]

    operations = []
