from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("giftcards", "0010_count_cards")]

    operations = [
        migrations.AddField(
            model_name="brand",
            name="scannable",
            field=models.CharField(
                choices=[
                    ("qr", "QR code"),
                    ("code128", "Barcode (Code 128)"),
                    ("none", "Nothing: it can't be scanned"),
                ],
                db_default="qr",
                default="qr",
                max_length=8,
            ),
        ),
    ]
