-- What became of the messages of each day, counted once and kept: Note [Message days] in
-- redemption/selectors/message_days.py.

-- Count the messages that were promised in a span, of some clients: by day, client, campaign and
-- channel. With its owner's rights, as redemption_count_rewards: whoever asks says whose clients.
CREATE OR REPLACE FUNCTION redemption_count_messages(
    p_client_ids uuid[], p_start timestamptz, p_end timestamptz
) RETURNS TABLE (
    day date, client_id uuid, campaign_id uuid, channel text, messages bigint, attempts bigint,
    accepted bigint, tried bigint, delivered bigint, undelivered bigint, failed bigint,
    suppressed bigint, cancelled bigint, by_hand bigint, in_doubt bigint, segments bigint,
    price numeric, priced bigint, waits integer[], wait_counts bigint[], error_codes text[],
    error_attempts bigint[], error_ends bigint[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH message AS MATERIALIZED (
        SELECT m.id, (m.created_at AT TIME ZONE 'UTC')::date AS day, m.client_id, r.campaign_id,
            m.channel, m.state, m.segments, m.error_code, m.accepted_at,
            CASE WHEN m.purpose = 'reward' AND m.state = 'delivered'
                THEN redemption_wait_seconds(m.delivered_at - r.issued_at) END AS wait
        FROM sms_message m LEFT JOIN redemption_redemption r ON r.id = m.reference_id
        WHERE m.created_at >= p_start AND m.created_at < p_end
            AND m.client_id = ANY (p_client_ids) AND r.is_test IS NOT TRUE
            -- An operator who tries a template is no recipient.
            AND m.purpose <> 'test'
    ), by_message AS (
        SELECT day, client_id, campaign_id, channel, count(*) AS messages,
            count(accepted_at) AS accepted,
            -- Of an e-mail nobody confirms that it has arrived.
            count(*) FILTER (WHERE channel = 'sms' AND (accepted_at IS NOT NULL
                OR state IN ('undelivered', 'failed', 'unknown'))) AS tried,
            count(*) FILTER (WHERE state = 'delivered') AS delivered,
            count(*) FILTER (WHERE state = 'undelivered') AS undelivered,
            count(*) FILTER (WHERE state = 'failed') AS failed,
            count(*) FILTER (WHERE state = 'suppressed') AS suppressed,
            count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
            count(*) FILTER (WHERE state = 'manually_delivered') AS by_hand,
            count(*) FILTER (WHERE state = 'unknown') AS in_doubt,
            coalesce(sum(segments), 0)::bigint AS segments
        FROM message GROUP BY day, client_id, campaign_id, channel
    ), by_attempt AS (
        -- What was put back, or found unwanted before the provider was called, was no attempt.
        SELECT message.day, message.client_id, message.campaign_id, message.channel, a.error_code,
            count(*) AS attempts,
            sum(abs(a.price::numeric)) FILTER (WHERE a.price ~ '^-?[0-9]+(\.[0-9]+)?$') AS price,
            count(*) FILTER (WHERE a.price ~ '^-?[0-9]+(\.[0-9]+)?$') AS priced
        FROM message JOIN sms_deliveryattempt a ON a.message_id = message.id
        WHERE a.status <> 'not_started' AND (a.status <> 'cancelled' OR a.provider_id <> '')
        GROUP BY 1, 2, 3, 4, 5
    ), attempted AS (
        SELECT day, client_id, campaign_id, channel, sum(attempts)::bigint AS attempts,
            coalesce(sum(price), 0) AS price, sum(priced)::bigint AS priced
        FROM by_attempt GROUP BY day, client_id, campaign_id, channel
    ), by_wait AS (
        SELECT day, client_id, campaign_id, channel, wait, count(*) AS times
        FROM message WHERE wait IS NOT NULL GROUP BY day, client_id, campaign_id, channel, wait
    ), waited AS (
        SELECT day, client_id, campaign_id, channel, array_agg(wait ORDER BY wait) AS waits,
            array_agg(times ORDER BY wait) AS wait_counts
        FROM by_wait GROUP BY day, client_id, campaign_id, channel
    ), by_error AS (
        SELECT day, client_id, campaign_id, channel, error_code, sum(attempts)::bigint AS attempts,
            sum(ends)::bigint AS ends
        FROM (
            SELECT day, client_id, campaign_id, channel, error_code, attempts, 0 AS ends
            FROM by_attempt WHERE error_code <> ''
            UNION ALL
            SELECT day, client_id, campaign_id, channel, error_code, 0, count(*)
            FROM message
            WHERE error_code <> '' AND state IN ('undelivered', 'failed', 'suppressed')
            GROUP BY day, client_id, campaign_id, channel, error_code
        ) either
        GROUP BY day, client_id, campaign_id, channel, error_code
    ), erred AS (
        SELECT day, client_id, campaign_id, channel,
            array_agg(error_code ORDER BY error_code) AS error_codes,
            array_agg(attempts ORDER BY error_code) AS error_attempts,
            array_agg(ends ORDER BY error_code) AS error_ends
        FROM by_error GROUP BY day, client_id, campaign_id, channel
    )
    -- A message about no reward has no campaign; NULLs would not find each other in a join.
    SELECT m.day, m.client_id, m.campaign_id, m.channel::text, m.messages,
        coalesce(a.attempts, 0), m.accepted, m.tried, m.delivered, m.undelivered, m.failed,
        m.suppressed, m.cancelled, m.by_hand, m.in_doubt, m.segments, coalesce(a.price, 0),
        coalesce(a.priced, 0), coalesce(w.waits, '{}'), coalesce(w.wait_counts, '{}'),
        coalesce(e.error_codes, '{}')::text[], coalesce(e.error_attempts, '{}'),
        coalesce(e.error_ends, '{}')
    FROM by_message m
    LEFT JOIN attempted a ON (a.day, a.client_id, a.channel) = (m.day, m.client_id, m.channel)
        AND a.campaign_id IS NOT DISTINCT FROM m.campaign_id
    LEFT JOIN waited w ON (w.day, w.client_id, w.channel) = (m.day, m.client_id, m.channel)
        AND w.campaign_id IS NOT DISTINCT FROM m.campaign_id
    LEFT JOIN erred e ON (e.day, e.client_id, e.channel) = (m.day, m.client_id, m.channel)
        AND e.campaign_id IS NOT DISTINCT FROM m.campaign_id
$$;

-- Count a day anew. What was changed since it was counted is forgotten first: a change that is
-- committed from then on keeps its mark, and the day is counted again.
CREATE OR REPLACE FUNCTION redemption_count_message_day(p_day date, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_start timestamptz := p_day::timestamp AT TIME ZONE 'UTC';
BEGIN
    PERFORM pg_advisory_xact_lock(7426004);
    DELETE FROM redemption_messagechange WHERE day = p_day;
    DELETE FROM redemption_messagecount WHERE day = p_day;
    INSERT INTO redemption_messagecount (
            day, client_id, campaign_id, channel, messages, attempts, accepted, tried, delivered,
            undelivered, failed, suppressed, cancelled, by_hand, in_doubt, segments, price, priced,
            waits, wait_counts, error_codes, error_attempts, error_ends)
        SELECT day, client_id, campaign_id, channel, messages, attempts, accepted, tried,
            delivered, undelivered, failed, suppressed, cancelled, by_hand, in_doubt, segments,
            price, priced, waits, wait_counts, error_codes, error_attempts, error_ends
        FROM redemption_count_messages((SELECT array_agg(id) FROM credit_client), v_start,
            v_start + interval '1 day');
    INSERT INTO redemption_messageday (day, counted_at) VALUES (p_day, p_now)
        ON CONFLICT (day) DO UPDATE SET counted_at = p_now;
END
$$;

-- Note that a message of a day which may have been counted is no longer what it was.
CREATE OR REPLACE FUNCTION redemption_mark_message_day() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO redemption_messagechange (day) VALUES ((NEW.created_at AT TIME ZONE 'UTC')::date);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION redemption_mark_attempt_day() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO redemption_messagechange (day)
        SELECT (created_at AT TIME ZONE 'UTC')::date FROM sms_message
        WHERE id = NEW.message_id AND created_at < now() - interval '1 hour';
    RETURN NULL;
END
$$;

-- No day is counted until it has been over for three hours, and what is younger than one hour is
-- not marked: a text that arrives as it should marks nothing.
CREATE OR REPLACE TRIGGER redemption_marks_message_day_of_new AFTER INSERT ON sms_message
    FOR EACH ROW WHEN (NEW.created_at < now() - interval '1 hour')
    EXECUTE FUNCTION redemption_mark_message_day();
CREATE OR REPLACE TRIGGER redemption_marks_message_day
    AFTER UPDATE OF state, segments, error_code, accepted_at, delivered_at ON sms_message
    FOR EACH ROW WHEN (
        NEW.created_at < now() - interval '1 hour'
        AND (OLD.state, OLD.segments, OLD.error_code, OLD.accepted_at, OLD.delivered_at)
            IS DISTINCT FROM
            (NEW.state, NEW.segments, NEW.error_code, NEW.accepted_at, NEW.delivered_at))
    EXECUTE FUNCTION redemption_mark_message_day();
-- An attempt changes with its message, but for what is learned of one that is old.
CREATE OR REPLACE TRIGGER redemption_marks_attempt_day
    AFTER INSERT OR UPDATE OF status, error_code, price, provider_id ON sms_deliveryattempt
    FOR EACH ROW WHEN (NEW.number > 1 OR NEW.requested_at < now() - interval '1 hour')
    EXECUTE FUNCTION redemption_mark_attempt_day();

SELECT credit_show_where('redemption_messagecount',
    'client_id = ANY ((SELECT credit_scope_clients())::uuid[])', 'SELECT');
