from django.db import migrations

from alerts.sqlfiles import install

# With what it takes now, CREATE OR REPLACE would make a second function of it. An old database
# may have both by now, since earlier migrations install the files as they are today.
DROP_ALL_OF_THEM = """
    DO $$
    DECLARE
        v_function regprocedure;
    BEGIN
        FOR v_function IN
            SELECT oid FROM pg_proc
            WHERE proname = 'redemption_redeem' AND pronamespace = 'public'::regnamespace
        LOOP
            EXECUTE format('DROP FUNCTION %s', v_function);
        END LOOP;
    END
    $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0007_sold_cards"),
        ("giftcards", "0007_provider_orders"),
    ]

    operations = [
        migrations.RunSQL(DROP_ALL_OF_THEM, migrations.RunSQL.noop),
        install("giftcards", "provision_from_stock"),
        install("redemption", "queue", "waterfall", "redeem", "order_guards"),
    ]
