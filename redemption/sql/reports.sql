-- What became of the rewards of each day, counted once and kept: Note [Report days] in
-- redemption/selectors/reward_days.py.

-- From the claim to the hand-over, in seconds, rounded up: to whole seconds, and from 100 on to
-- two digits, so that a thousand waits are a handful of numbers. Rounding keeps the order: the
-- percentile of what is rounded is the percentile, rounded.
--
-- date_part() and not extract(), which counts in numerics: over a year's rewards that takes as
-- long as all the rest. Whole numbers and millionths of them are exact enough in a double.
CREATE OR REPLACE FUNCTION redemption_wait_seconds(p_wait interval) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- One expression, so that PostgreSQL puts it in the place of the call.
    SELECT (CASE WHEN p_wait IS NULL THEN NULL
        WHEN p_wait <= interval '0' THEN 0
        WHEN p_wait <= interval '99 s' THEN ceil(date_part('epoch', p_wait))
        WHEN p_wait <= interval '1000 s' THEN ceil(ceil(date_part('epoch', p_wait)) / 1e1) * 1e1
        WHEN p_wait <= interval '10000 s' THEN ceil(ceil(date_part('epoch', p_wait)) / 1e2) * 1e2
        WHEN p_wait <= interval '100000 s' THEN ceil(ceil(date_part('epoch', p_wait)) / 1e3) * 1e3
        ELSE ceil(ceil(date_part('epoch', p_wait))
                / power(10::float, length(ceil(date_part('epoch', p_wait))::bigint::text) - 2))
            * power(10::float, length(ceil(date_part('epoch', p_wait))::bigint::text) - 2)
        END)::integer
$$;

-- How old a code was when its reward was asked for, in hours, rounded up: to whole hours in the
-- first two days, to whole days after. As above: a handful of numbers, in the same order. Clocks
-- that differ make no code younger than nothing.
CREATE OR REPLACE FUNCTION redemption_code_age_hours(p_age interval) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (CASE WHEN p_age <= interval '0' THEN 0
        WHEN p_age <= interval '48 hours' THEN ceil(date_part('epoch', p_age) / 3600)
        ELSE ceil(date_part('epoch', p_age) / 86400) * 24 END)::integer
$$;

-- Count the rewards that were issued in a span and stand, of some clients: for each pool whoever
-- it served ('pool'), for each client whatever served it ('client'), and for both ('both').
-- With its owner's rights: whoever asks says whose clients, and asked of each row it would cost
-- more than the count.
CREATE OR REPLACE FUNCTION redemption_count_rewards(
    p_client_ids uuid[], p_start timestamptz, p_end timestamptz
) RETURNS TABLE (
    level text, day date, client_id uuid, pool_id uuid, brand_id uuid, currency text,
    issued bigint, delivered bigint, wait_total numeric, waits integer[], wait_counts bigint[],
    face_value_minor numeric, charged_minor numeric, agency_margin_minor numeric,
    cost_known bigint, cost_minor numeric, platform_margin_minor numeric, profit_minor numeric
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH reward AS (
        SELECT (r.issued_at AT TIME ZONE 'UTC')::date AS day, r.client_id, c.pool_id, c.brand_id,
            r.currency, r.face_value_minor, r.charged_minor, r.agency_margin_minor, r.cost_minor,
            r.platform_margin_minor, r.delivered_at - r.issued_at AS wait,
            redemption_wait_seconds(r.delivered_at - r.issued_at) AS rounded
        FROM redemption_redemption r JOIN giftcards_giftcard c ON c.id = r.card_id
        WHERE r.client_id = ANY (p_client_ids)
            AND r.issued_at >= p_start AND r.issued_at < p_end
            AND r.state IN ('issued', 'delivered', 'confirmed') AND NOT r.is_test
    ), by_wait AS (
        SELECT CASE WHEN grouping(client_id) = 1 THEN 'pool' WHEN grouping(pool_id) = 1
                THEN 'client' ELSE 'both' END AS level,
            day, client_id, pool_id, brand_id, currency, rounded,
            count(*) AS issued, count(wait) AS delivered,
            sum(greatest(extract(epoch FROM wait), 0)) AS wait_total,
            sum(face_value_minor) AS face_value, sum(charged_minor) AS charged,
            sum(agency_margin_minor) AS agency_margin, count(cost_minor) AS cost_known,
            sum(cost_minor) AS cost, sum(platform_margin_minor) AS platform_margin,
            -- A card that was sold before it was redeemed brought its profit then.
            sum(charged_minor - cost_minor) FILTER (WHERE charged_minor > 0) AS profit
        FROM reward
        GROUP BY GROUPING SETS (
            (day, pool_id, brand_id, currency, rounded),
            (day, client_id, currency, rounded),
            (day, client_id, pool_id, brand_id, currency, rounded))
    )
    SELECT level, day, client_id, pool_id, brand_id, currency::text,
        sum(issued)::bigint, sum(delivered)::bigint, coalesce(sum(wait_total), 0),
        coalesce(array_agg(rounded ORDER BY rounded) FILTER (WHERE rounded IS NOT NULL), '{}'),
        coalesce(array_agg(delivered ORDER BY rounded) FILTER (WHERE rounded IS NOT NULL), '{}'),
        coalesce(sum(face_value), 0), coalesce(sum(charged), 0), coalesce(sum(agency_margin), 0),
        sum(cost_known)::bigint, coalesce(sum(cost), 0), coalesce(sum(platform_margin), 0),
        coalesce(sum(profit), 0)
    FROM by_wait GROUP BY level, day, client_id, pool_id, brand_id, currency
$$;

-- Count a day anew. What was changed since it was counted is forgotten first: a change that is
-- committed from then on keeps its mark, and the day is counted again.
CREATE OR REPLACE FUNCTION redemption_count_day(p_day date, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_start timestamptz := p_day::timestamp AT TIME ZONE 'UTC';
BEGIN
    -- One at a time, months as well, which are counted from days.
    PERFORM pg_advisory_xact_lock(7426003);
    DELETE FROM redemption_reportchange WHERE day = p_day;
    DELETE FROM redemption_reportmonth WHERE month = date_trunc('month', p_day)::date;
    DELETE FROM redemption_rewardcount WHERE span = 'day' AND first_day = p_day;
    INSERT INTO redemption_rewardcount (
            span, level, first_day, client_id, pool_id, brand_id, currency, issued, delivered,
            wait_total, waits, wait_counts, face_value_minor, charged_minor, agency_margin_minor,
            cost_known, cost_minor, platform_margin_minor, profit_minor)
        SELECT 'day', level, day, client_id, pool_id, brand_id, currency, issued, delivered,
            wait_total, waits, wait_counts, face_value_minor, charged_minor, agency_margin_minor,
            cost_known, cost_minor, platform_margin_minor, profit_minor
        FROM redemption_count_rewards((SELECT array_agg(id) FROM credit_client), v_start,
            v_start + interval '1 day');
    INSERT INTO redemption_reportday (day, counted_at) VALUES (p_day, p_now)
        ON CONFLICT (day) DO UPDATE SET counted_at = p_now;
END
$$;

-- Add the days of a month up, if all of them are counted; say whether they were.
CREATE OR REPLACE FUNCTION redemption_count_month(p_month date, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_end date := (p_month + interval '1 month')::date;
    v_none uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    PERFORM pg_advisory_xact_lock(7426003);
    IF (SELECT count(*) FROM redemption_reportday WHERE day >= p_month AND day < v_end)
        < v_end - p_month
    THEN
        RETURN false;
    END IF;
    DELETE FROM redemption_rewardcount WHERE span = 'month' AND first_day = p_month;
    INSERT INTO redemption_rewardcount (
            span, level, first_day, client_id, pool_id, brand_id, currency, issued, delivered,
            wait_total, waits, wait_counts, face_value_minor, charged_minor, agency_margin_minor,
            cost_known, cost_minor, platform_margin_minor, profit_minor)
        WITH counted AS (
            -- NULLs are not equal and not hashed; no client or pool has this id.
            SELECT c.*, coalesce(c.client_id, v_none) AS client, coalesce(c.pool_id, v_none) AS pool
            FROM redemption_rewardcount c
            WHERE c.span = 'day' AND c.first_day >= p_month AND c.first_day < v_end
        ), by_wait AS (
            SELECT level, client, pool, currency, u.wait, sum(u.times)::bigint AS times
            FROM counted, unnest(waits, wait_counts) u (wait, times)
            GROUP BY level, client, pool, currency, u.wait
        ), waiting AS (
            SELECT level, client, pool, currency, array_agg(wait ORDER BY wait) AS waits,
                array_agg(times ORDER BY wait) AS wait_counts
            FROM by_wait GROUP BY level, client, pool, currency
        ), summed AS (
            SELECT level, client, pool, currency, client_id, pool_id, brand_id,
                sum(issued) AS issued, sum(delivered) AS delivered, sum(wait_total) AS wait_total,
                sum(face_value_minor) AS face_value, sum(charged_minor) AS charged,
                sum(agency_margin_minor) AS agency_margin, sum(cost_known) AS cost_known,
                sum(cost_minor) AS cost, sum(platform_margin_minor) AS platform_margin,
                sum(profit_minor) AS profit
            FROM counted GROUP BY level, client, pool, currency, client_id, pool_id, brand_id
        )
        SELECT 'month', level, p_month, client_id, pool_id, brand_id, currency, issued, delivered,
            wait_total, coalesce(waits, '{}'), coalesce(wait_counts, '{}'), face_value, charged,
            agency_margin, cost_known, cost, platform_margin, profit
        FROM summed LEFT JOIN waiting USING (level, client, pool, currency);
    INSERT INTO redemption_reportmonth (month, counted_at) VALUES (p_month, p_now)
        ON CONFLICT (month) DO UPDATE SET counted_at = p_now;
    RETURN true;
END
$$;

-- Note that a reward of a day which may have been counted is no longer what it was.
CREATE OR REPLACE FUNCTION redemption_mark_day() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO redemption_reportchange (day)
        SELECT DISTINCT (at AT TIME ZONE 'UTC')::date
        FROM unnest(ARRAY[NEW.issued_at, CASE WHEN TG_OP = 'UPDATE' THEN OLD.issued_at END]) at
        WHERE at IS NOT NULL;
    RETURN NULL;
END
$$;

-- No day is counted until it has been over for three hours, and what is younger than one hour is
-- not marked: so the hot path never is, and whoever found nothing to mark has committed long
-- before the day is counted.
CREATE OR REPLACE TRIGGER redemption_marks_day_of_new AFTER INSERT ON redemption_redemption
    FOR EACH ROW WHEN (NEW.issued_at < now() - interval '1 hour')
    EXECUTE FUNCTION redemption_mark_day();
CREATE OR REPLACE TRIGGER redemption_marks_day
    AFTER UPDATE OF state, issued_at, delivered_at, card_id, cost_minor ON redemption_redemption
    FOR EACH ROW WHEN (
        (OLD.issued_at < now() - interval '1 hour' OR NEW.issued_at < now() - interval '1 hour')
        AND (
            (OLD.issued_at, OLD.delivered_at, OLD.card_id, OLD.cost_minor,
                OLD.state IN ('issued', 'delivered', 'confirmed'))
            IS DISTINCT FROM
            (NEW.issued_at, NEW.delivered_at, NEW.card_id, NEW.cost_minor,
                NEW.state IN ('issued', 'delivered', 'confirmed'))))
    EXECUTE FUNCTION redemption_mark_day();

SELECT credit_show_where('redemption_rewardcount',
    'client_id = ANY ((SELECT credit_scope_clients())::uuid[])', 'SELECT');
