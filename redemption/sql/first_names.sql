-- Finding people by their first name alone, as operators ask the delivery log; by the last name
-- see redemption_find_people. With its owner's rights for the same reason, and for the platform
-- alone, which sees everybody.
CREATE INDEX IF NOT EXISTS redemption_recipient_by_first_name ON redemption_recipient
    (lower(first_name) text_pattern_ops) WHERE first_name <> '';

CREATE OR REPLACE FUNCTION redemption_find_first_name(p_first_name text, p_limit integer)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_name text := replace(replace(replace(lower(p_first_name), '\', '\\'), '%', '\%'), '_', '\_');
BEGIN
    IF coalesce(current_setting('giftline.scope', true), '') <> '*' THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT id FROM redemption_recipient WHERE first_name <> '''' AND lower(first_name) LIKE %L'
        ' ORDER BY lower(first_name), id LIMIT %s', v_name || '%', p_limit);
END
$$;
