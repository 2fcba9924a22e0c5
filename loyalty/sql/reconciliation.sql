-- What a paid checkout still owes in points: replayed until it is applied, or given up by a person.

-- Try once more. Returns whether the points are applied now. Safe to repeat, and at the same time:
-- who comes second finds it done. Raises GC111 when there is no such item.
CREATE OR REPLACE FUNCTION loyalty_replay_item(
    p_item_id uuid, p_note text, p_actor text, p_now timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_item loyalty_reconciliationitem;
    v_error text;
BEGIN
    SELECT * INTO v_item FROM loyalty_reconciliationitem WHERE id = p_item_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no item %', p_item_id USING ERRCODE = 'GC111';
    END IF;
    BEGIN
        PERFORM loyalty_apply_points(v_item.checkout_id, p_actor, p_now);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_error = MESSAGE_TEXT;
        v_error := left(SQLSTATE || ': ' || v_error, 300);
    END;
    IF v_error IS NULL THEN
        UPDATE loyalty_reconciliationitem
            SET resolved = true, resolved_at = p_now, resolved_by = p_actor,
                resolution_note = p_note, attempts = attempts + 1, last_attempt_at = p_now,
                next_attempt_at = NULL
            WHERE id = p_item_id AND NOT resolved;
        RETURN true;
    END IF;
    -- After 1, 2, 4 … minutes, and from the tenth try on twice a day.
    UPDATE loyalty_reconciliationitem
        SET error = v_error, attempts = attempts + 1, last_attempt_at = p_now,
            next_attempt_at = p_now + least(interval '12 hours',
                interval '1 minute' * power(2, least(attempts, 10)))
        WHERE id = p_item_id AND NOT resolved;
    RETURN false;
END
$$;

-- Give the points up: what was held is free again, nothing is earned, and a person says why.
-- Raises GC111 when there is no such item, GC115 when it is resolved.
CREATE OR REPLACE FUNCTION loyalty_resolve_item(
    p_item_id uuid, p_note text, p_actor text, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_item loyalty_reconciliationitem;
    v_checkout loyalty_checkout;
BEGIN
    SELECT * INTO v_item FROM loyalty_reconciliationitem WHERE id = p_item_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no item %', p_item_id USING ERRCODE = 'GC111';
    END IF;
    PERFORM 1 FROM loyalty_customer WHERE id = v_item.customer_id FOR NO KEY UPDATE;
    SELECT * INTO v_checkout FROM loyalty_checkout WHERE id = v_item.checkout_id
        FOR NO KEY UPDATE;
    UPDATE loyalty_reconciliationitem
        SET resolved = true, resolved_at = p_now, resolved_by = p_actor,
            resolution_note = p_note, next_attempt_at = NULL
        WHERE id = p_item_id AND NOT resolved;
    IF NOT FOUND OR v_checkout.loyalty <> 'pending' THEN
        RAISE EXCEPTION 'item % is resolved', p_item_id USING ERRCODE = 'GC115';
    END IF;
    UPDATE loyalty_checkout SET loyalty = 'none', points_redeemed = 0, points_earned = 0
        WHERE id = v_item.checkout_id;
    IF v_checkout.points_redeemed > 0 THEN
        UPDATE loyalty_customer SET points_held = points_held - v_checkout.points_redeemed
            WHERE id = v_item.customer_id;
    END IF;
END
$$;

-- Take items that are due in hand: whoever takes one has five minutes, and nobody waits for it.
CREATE OR REPLACE FUNCTION loyalty_claim_items(
    p_limit integer, p_now timestamptz
) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE loyalty_reconciliationitem i SET next_attempt_at = p_now + interval '5 minutes'
        FROM (SELECT d.id FROM loyalty_reconciliationitem d
            WHERE NOT d.resolved AND d.next_attempt_at <= p_now
            ORDER BY d.next_attempt_at, d.id LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED) due
        WHERE i.id = due.id
    RETURNING i.id
$$;
