-- Measure a table for the planner. With its owner's rights: who only works on a table may not,
-- and what may be wrong with a plan is no secret. Note [Who may vacuum].
CREATE OR REPLACE FUNCTION alerts_analyze(p_table regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format('ANALYZE %s', p_table);
END
$$;
