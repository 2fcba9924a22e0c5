-- Note [Emptying]
-- A fact that also says something of a person stays when that person is forgotten, without what it
-- says of them. This stands in the place of alerts_refuse_change on such tables, BEFORE UPDATE OR
-- DELETE: its arguments name the columns of text that may be emptied, and nothing else may happen
-- to a row. Who may empty them is a function of the owner's; the server's role has no UPDATE there.
CREATE OR REPLACE FUNCTION alerts_refuse_all_but_emptying() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_old jsonb;
    v_new jsonb;
    v_column text;
    v_is_emptied boolean := false;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        v_old := to_jsonb(OLD);
        v_new := to_jsonb(NEW);
        v_is_emptied := v_new <> v_old;
        FOREACH v_column IN ARRAY TG_ARGV LOOP
            v_is_emptied := v_is_emptied
                AND (v_new -> v_column = v_old -> v_column OR v_new -> v_column = '""');
            v_old := v_old - v_column;
            v_new := v_new - v_column;
        END LOOP;
        v_is_emptied := v_is_emptied AND v_new = v_old;
    END IF;
    IF v_is_emptied THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% of % is refused: its rows are facts, of which only words may be emptied',
        TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
