from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("giftcards", "0006_card_sales"),
    ]

    operations = []
