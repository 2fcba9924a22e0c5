-- Count one more under a key, unless there were p_limit within p_span already: then return how
-- many seconds until there is room, else 0. Its row is the lock: of many at once each sees what
-- the one before has counted.
CREATE OR REPLACE FUNCTION alerts_count_hit(
    p_key text, p_limit integer, p_span interval, p_now timestamptz
) RETURNS double precision
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_times timestamptz[];
BEGIN
    INSERT INTO alerts_ratecount (key, times, last_at) VALUES (p_key, '{}', p_now)
    ON CONFLICT DO NOTHING;
    SELECT times INTO v_times FROM alerts_ratecount WHERE key = p_key FOR UPDATE;
    v_times := ARRAY(SELECT t FROM unnest(v_times) t WHERE t > p_now - p_span ORDER BY t);
    IF cardinality(v_times) >= p_limit THEN
        RETURN extract(epoch FROM v_times[cardinality(v_times) - p_limit + 1] + p_span - p_now);
    END IF;
    UPDATE alerts_ratecount SET times = v_times || p_now, last_at = p_now WHERE key = p_key;
    RETURN 0;
END
$$;
