-- Finding customers by what they are called, or by their e-mail address.
--
-- These run with their owner's rights because of the policies: under them no index can answer a
-- pattern or lower(), which would have to look at rows before it is known whose they are. They
-- return ids alone; the caller reads the rows by them, under the policies as always.
CREATE INDEX IF NOT EXISTS loyalty_customer_by_first_name ON loyalty_customer
    (lower(first_name) text_pattern_ops) WHERE first_name <> '';
CREATE INDEX IF NOT EXISTS loyalty_customer_by_last_name ON loyalty_customer
    (lower(last_name) text_pattern_ops) WHERE last_name <> '';
CREATE INDEX IF NOT EXISTS loyalty_customer_by_email ON loyalty_customer
    (lower(email)) WHERE email <> '';

-- Customers of whom every word begins the first or the last name, whatever its case; the newest
-- ones first. For the platform alone, which sees everybody.
CREATE OR REPLACE FUNCTION loyalty_find_named(p_words text[], p_limit integer)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_word text;
    v_pattern text;
    v_found text := 'SELECT id FROM loyalty_customer WHERE true';
BEGIN
    IF coalesce(current_setting('giftline.scope', true), '') <> '*'
        OR coalesce(cardinality(p_words), 0) = 0
    THEN
        RETURN;
    END IF;
    FOREACH v_word IN ARRAY p_words LOOP
        v_pattern := replace(replace(replace(lower(v_word), '\', '\\'), '%', '\%'), '_', '\_') || '%';
        -- Written out, since only a pattern that is known when it is planned can use the index.
        v_found := v_found || format(
            ' AND (first_name <> '''' AND lower(first_name) LIKE %1$L'
            ' OR last_name <> '''' AND lower(last_name) LIKE %1$L)', v_pattern);
    END LOOP;
    RETURN QUERY EXECUTE v_found || format(' ORDER BY created_at DESC, id LIMIT %s', p_limit);
END
$$;

-- Customers of an e-mail address, whatever its case.
CREATE OR REPLACE FUNCTION loyalty_find_by_email(p_email text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id FROM loyalty_customer WHERE email <> '' AND lower(email) = lower(p_email)
$$;
