-- The guard of every append-only table: attached BEFORE UPDATE OR DELETE (row) and BEFORE
-- TRUNCATE (statement). A plain trigger, so that no session setting switches it off.
CREATE OR REPLACE FUNCTION alerts_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: its rows are facts, and a mistake is undone by a new row',
        TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

-- alerts_make_append_only('credit_entry') guards a table in one line of a migration.
CREATE OR REPLACE FUNCTION alerts_make_append_only(p_table regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON %s
             FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change()', p_table);
    EXECUTE format(
        'CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %s
             FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change()', p_table);
END
$$;
