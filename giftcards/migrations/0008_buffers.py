from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("giftcards", "0007_provider_orders"),
    ]

    operations = [
        migrations.AddField(
            model_name="pool",
            name="daily_budget_minor",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="pool",
            constraint=models.CheckConstraint(
                condition=Q(daily_budget_minor__gte=0) | Q(daily_budget_minor=None),
                name="giftcards_pool_budget_never_negative",
            ),
        ),
        migrations.AlterModelOptions(
            name="providercircuit",
            options={"ordering": ["provider"], "verbose_name": "provider"},
        ),
        migrations.AddIndex(
            model_name="providerorder",
            index=models.Index(
                condition=~Q(provider_reference=""),
                fields=["provider_reference"],
                name="giftcards_order_reference",
            ),
        ),
    ]
