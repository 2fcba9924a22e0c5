from django.db import migrations
from django.db.migrations.operations import RunSQL

from alerts.sqlfiles import install

# Of a database that was made before the name meant anything.
RENAME = """
DO $$
DECLARE
    v_table regclass;
BEGIN
    FOR v_table IN SELECT polrelid::regclass FROM pg_policy WHERE polname = 'platform' LOOP
        EXECUTE format('ALTER POLICY platform ON %s RENAME TO unlimited', v_table);
    END LOOP;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("credit", "0019_incidents")]

    operations = [
        install("credit", "visibility"),
        RunSQL(RENAME, reverse_sql=RunSQL.noop),
    ]
