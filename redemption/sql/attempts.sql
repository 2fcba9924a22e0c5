-- Tries at codes, counted and written down in one statement: Note [Guard] in
-- redemption/throttling.py.

-- The moment from which on an address is counted: the last time somebody cleared its counters.
CREATE OR REPLACE FUNCTION redemption_counted_since(p_network cidr) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT max(created_at) FROM redemption_addressclearing
    WHERE network::inet >>= p_network::inet AND lifted_at IS NULL
$$;

CREATE OR REPLACE FUNCTION redemption_is_allowed(p_network cidr, p_now timestamptz)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM redemption_addressallow
        WHERE network::inet >>= p_network::inet AND lifted_at IS NULL
            AND (until IS NULL OR until > p_now))
$$;

-- Until when an address is blocked: 'infinity' when until somebody lifts it, NULL when it isn't.
CREATE OR REPLACE FUNCTION redemption_blocked_until(p_network cidr, p_now timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT max(coalesce(until, 'infinity')) FROM redemption_addressblock
    WHERE network::inet >>= p_network::inet AND lifted_at IS NULL
        AND (until IS NULL OR until > p_now)
$$;

-- Let an attempt in or refuse it, and write it down either way. Attempts of one address, and
-- those on one code, are counted one after the other: the locks are held until the statement's
-- commit, and address comes before code everywhere, so that no two wait for each other.
-- p_refused: the limit that the counters in front have found exceeded ('' when none): it only
-- stays refused when the database does not know the address as allowed.
CREATE OR REPLACE FUNCTION redemption_admit_attempt(
    p_attempt uuid, p_now timestamptz, p_action text, p_network cidr, p_counts_address boolean,
    p_caller text, p_code_digest bytea, p_form text, p_request_id text, p_refused text,
    p_address_limit integer, p_address_span interval, p_code_limit integer, p_code_span interval,
    p_failure_limit integer, p_failure_span interval,
    OUT attempt_id bigint, OUT outcome text, OUT refused_by text, OUT free_at timestamptz,
    OUT is_allowed boolean
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_since timestamptz;
BEGIN
    outcome := 'tried';
    refused_by := '';
    is_allowed := false;
    IF p_counts_address THEN
        PERFORM pg_advisory_xact_lock(7426011, hashtext(p_network::text));
        is_allowed := redemption_is_allowed(p_network, p_now);
        IF NOT is_allowed THEN
            free_at := redemption_blocked_until(p_network, p_now);
            IF free_at IS NOT NULL THEN
                outcome := 'blocked';
            END IF;
        END IF;
    END IF;
    IF outcome = 'tried' AND p_refused <> '' AND NOT (is_allowed AND p_refused = 'address') THEN
        outcome := 'rate_limited';
        refused_by := p_refused;
    END IF;
    IF outcome = 'tried' THEN
        PERFORM pg_advisory_xact_lock(7426012, hashtext(encode(p_code_digest, 'hex')));
        IF EXISTS (SELECT 1 FROM redemption_attemptlog
                WHERE code_digest = p_code_digest AND at > p_now - p_code_span
                    AND result IN ('tried', 'unknown_code', 'wrong_factor')
                    AND attempt = p_attempt) THEN
            outcome := 'repeat';
        END IF;
    END IF;
    IF outcome = 'tried' AND p_counts_address AND NOT is_allowed THEN
        v_since := greatest(p_now - p_address_span, redemption_counted_since(p_network));
        -- The oldest of the last so many: with it out of the span there is room for one more.
        SELECT at + p_address_span INTO free_at FROM redemption_attemptlog
        WHERE network = p_network AND counts_address AND at > v_since
            AND result IN ('tried', 'unknown_code', 'wrong_factor')
        ORDER BY at DESC OFFSET p_address_limit - 1 LIMIT 1;
        IF FOUND THEN
            outcome := 'rate_limited';
            refused_by := 'address';
        END IF;
    END IF;
    IF outcome = 'tried' THEN
        SELECT at + p_code_span INTO free_at FROM redemption_attemptlog
        WHERE code_digest = p_code_digest AND at > p_now - p_code_span
            AND result IN ('tried', 'unknown_code', 'wrong_factor')
        ORDER BY at DESC OFFSET p_code_limit - 1 LIMIT 1;
        IF FOUND THEN
            outcome := 'rate_limited';
            refused_by := 'code';
        END IF;
    END IF;
    IF outcome = 'tried' AND p_failure_limit IS NOT NULL THEN
        SELECT at + p_failure_span INTO free_at FROM redemption_attemptlog
        WHERE caller = p_caller AND caller <> '' AND at > p_now - p_failure_span
            AND result IN ('unknown_code', 'wrong_factor')
        ORDER BY at DESC OFFSET p_failure_limit - 1 LIMIT 1;
        IF FOUND THEN
            outcome := 'rate_limited';
            refused_by := 'failures';
        END IF;
    END IF;
    INSERT INTO redemption_attemptlog (at, action, network, counts_address, caller, code_digest,
        form, attempt, result, "limit", request_id)
    VALUES (p_now, p_action, p_network, p_counts_address, p_caller, p_code_digest, p_form,
        p_attempt, outcome, refused_by, p_request_id)
    RETURNING id INTO attempt_id;
END
$$;

-- Write down what was wrong with an attempt that was let in. The failure that is one too many
-- blocks a stranger's address; the unknown code that is one too many slows the form down.
CREATE OR REPLACE FUNCTION redemption_settle_attempt(
    p_id bigint, p_result text, p_now timestamptz, p_limit_name text,
    p_block_limit integer, p_block_span interval, p_block_for interval,
    p_breaker_span interval, p_breaker_attempts integer, p_breaker_percent integer,
    p_slowed_for interval,
    OUT is_blocked boolean, OUT is_slowed boolean, OUT network cidr, OUT form text,
    OUT attempts integer, OUT unknown integer
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_row redemption_attemptlog;
    v_since timestamptz;
BEGIN
    is_blocked := false;
    is_slowed := false;
    UPDATE redemption_attemptlog SET result = p_result, "limit" = p_limit_name
    WHERE id = p_id AND result = 'tried' RETURNING * INTO v_row;
    IF NOT FOUND OR p_result NOT IN ('unknown_code', 'wrong_factor')
        OR NOT v_row.counts_address THEN
        RETURN;
    END IF;
    network := v_row.network;
    form := v_row.form;
    PERFORM pg_advisory_xact_lock(7426011, hashtext(v_row.network::text));
    IF NOT redemption_is_allowed(v_row.network, p_now) THEN
        v_since := greatest(p_now - p_block_span, redemption_counted_since(v_row.network));
        PERFORM 1 FROM redemption_attemptlog a
        WHERE a.network = v_row.network AND a.counts_address AND a.at > v_since
            AND a.result IN ('unknown_code', 'wrong_factor')
        ORDER BY a.at DESC OFFSET p_block_limit - 1 LIMIT 1;
        IF FOUND AND redemption_blocked_until(v_row.network, p_now) IS NULL THEN
            INSERT INTO redemption_addressblock (id, network, reason, created_at, created_by, until)
            VALUES (gen_random_uuid(), v_row.network,
                format('%s failed attempts within %s hours', p_block_limit,
                    round(extract(epoch FROM p_block_span) / 3600, 1)),
                p_now, 'guard', p_now + p_block_for);
            is_blocked := true;
        END IF;
    END IF;
    IF p_result = 'unknown_code' THEN
        SELECT s.is_slowed, s.attempts, s.unknown INTO is_slowed, attempts, unknown
        FROM redemption_watch_form(v_row.form, p_now, p_breaker_span, p_breaker_attempts,
            p_breaker_percent, p_slowed_for) s;
    END IF;
END
$$;

-- Look at a form's share of unknown codes, every few seconds at most: of many at once the one
-- that moves checked_at looks, and the others don't wait for it.
CREATE OR REPLACE FUNCTION redemption_watch_form(
    p_form text, p_now timestamptz, p_span interval, p_attempts integer, p_percent integer,
    p_slowed_for interval,
    OUT is_slowed boolean, OUT attempts integer, OUT unknown integer
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_until timestamptz;
BEGIN
    is_slowed := false;
    INSERT INTO redemption_formbreaker (form, checked_at) VALUES (p_form, '-infinity')
    ON CONFLICT DO NOTHING;
    PERFORM 1 FROM redemption_formbreaker b
    WHERE b.form = p_form AND b.checked_at <= p_now - interval '2 seconds'
    FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT count(*), count(*) FILTER (WHERE a.result = 'unknown_code')
    INTO attempts, unknown
    FROM redemption_attemptlog a
    WHERE a.at > p_now - p_span AND a.at <= p_now AND a.counts_address AND a.form = p_form
        AND a.result IN ('tried', 'unknown_code', 'wrong_factor');
    SELECT b.slowed_until INTO v_until FROM redemption_formbreaker b WHERE b.form = p_form;
    IF attempts >= p_attempts AND unknown * 100 >= p_percent * attempts THEN
        is_slowed := v_until IS NULL OR v_until <= p_now;
        UPDATE redemption_formbreaker b SET checked_at = p_now, slowed_until = p_now + p_slowed_for,
            slowed_at = CASE WHEN is_slowed THEN p_now ELSE b.slowed_at END,
            attempts = redemption_watch_form.attempts, unknown = redemption_watch_form.unknown
        WHERE b.form = p_form;
    ELSE
        UPDATE redemption_formbreaker b SET checked_at = p_now WHERE b.form = p_form;
    END IF;
END
$$;

-- Attempts are kept for a while and then cleared, some thousands at a time.
CREATE OR REPLACE FUNCTION redemption_clear_attempts(p_before timestamptz, p_at_most integer)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_cleared integer;
BEGIN
    -- What the limits are still counted from is never cleared.
    DELETE FROM redemption_attemptlog WHERE id IN (
        SELECT id FROM redemption_attemptlog
        WHERE at < least(p_before, now() - interval '25 hours')
        ORDER BY at LIMIT p_at_most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_cleared = ROW_COUNT;
    RETURN v_cleared;
END
$$;

-- An attempt stays as it was, but for what was wrong with it, which is added once.
CREATE OR REPLACE FUNCTION redemption_check_attempt_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.result <> 'tried' OR to_jsonb(NEW) - 'result' - 'limit'
            <> to_jsonb(OLD) - 'result' - 'limit' THEN
        RAISE EXCEPTION 'attempt % is a fact and stays', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS redemption_attempt_stays ON redemption_attemptlog;
CREATE TRIGGER redemption_attempt_stays BEFORE UPDATE ON redemption_attemptlog
    FOR EACH ROW EXECUTE FUNCTION redemption_check_attempt_change();

-- Whether an address lies in a network is answered by an index.
CREATE INDEX IF NOT EXISTS redemption_addressblock_networks ON redemption_addressblock
    USING gist ((network::inet) inet_ops) WHERE lifted_at IS NULL;
CREATE INDEX IF NOT EXISTS redemption_addressallow_networks ON redemption_addressallow
    USING gist ((network::inet) inet_ops) WHERE lifted_at IS NULL;
CREATE INDEX IF NOT EXISTS redemption_addressclearing_networks ON redemption_addressclearing
    USING gist ((network::inet) inet_ops) WHERE lifted_at IS NULL;
