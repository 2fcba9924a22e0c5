-- What was tried is a fact while a try may be found again (25 hours) and for longer; then repeats
-- of one hour are folded into their first, and after years the rest goes.
CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE ON redemption_canarytry
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON redemption_canarytry
    FOR EACH ROW WHEN (OLD.at > now() - interval '26 hours')
    EXECUTE FUNCTION alerts_refuse_change();

-- With its owner's rights: nobody else may remove a try. How often a canary was tried is counted
-- on the canary, and stays.
-- p_before: what is older goes altogether; NULL keeps one try an hour for ever.
CREATE OR REPLACE FUNCTION redemption_clear_canary_tries(p_before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_cleared integer;
BEGIN
    DELETE FROM redemption_canarytry WHERE id IN (
        SELECT id FROM (
            SELECT id, at, row_number() OVER (
                PARTITION BY canary_id, network, caller, action, result, date_trunc('hour', at)
                ORDER BY id) AS nth
            FROM redemption_canarytry WHERE at < now() - interval '26 hours'
        ) AS told
        WHERE nth > 1 OR at < p_before);
    GET DIAGNOSTICS v_cleared = ROW_COUNT;
    RETURN v_cleared;
END
$$;
