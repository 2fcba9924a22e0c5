-- Claim one available, unexpired card of a pool for a holder, or return NULL when there is none.
--
-- The earliest month of expiry goes first; within it the start is a random key with a
-- wrap-around. If all began at the head of the index, they would step over each other's dead
-- entries there: with a long report open elsewhere, forty times slower.
-- `LIMIT 1` is written out: as a parameter it defeats the plan.
CREATE OR REPLACE FUNCTION giftcards_claim_card(
    p_pool_id uuid,
    p_holder_kind text,
    p_holder_id uuid,
    p_now timestamptz
) RETURNS giftcards_giftcard
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_today constant date := (p_now AT TIME ZONE 'UTC')::date;
    v_bucket integer := extract(year FROM v_today) * 100 + extract(month FROM v_today) - 1;
    v_start integer;
    v_card giftcards_giftcard;
    v_give_up_at timestamptz;
    v_id uuid;
BEGIN
    LOOP
        SELECT expiry_bucket INTO v_bucket FROM giftcards_giftcard
            WHERE pool_id = p_pool_id AND status = 'available' AND expiry_bucket > v_bucket
            ORDER BY expiry_bucket LIMIT 1;
        EXIT WHEN NOT FOUND;
        v_start := floor(random() * 2147483647)::integer;
        UPDATE giftcards_giftcard
            SET status = 'claimed', claimed_at = p_now,
                holder_kind = p_holder_kind, holder_id = p_holder_id
            WHERE id = (
                SELECT id FROM giftcards_giftcard
                WHERE pool_id = p_pool_id AND status = 'available'
                    AND expiry_bucket = v_bucket AND claim_key >= v_start
                    AND (expires_on IS NULL OR expires_on >= v_today)
                ORDER BY claim_key LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING * INTO v_card;
        IF FOUND THEN
            RETURN v_card;
        END IF;
        UPDATE giftcards_giftcard
            SET status = 'claimed', claimed_at = p_now,
                holder_kind = p_holder_kind, holder_id = p_holder_id
            WHERE id = (
                SELECT id FROM giftcards_giftcard
                WHERE pool_id = p_pool_id AND status = 'available'
                    AND expiry_bucket = v_bucket AND claim_key < v_start
                    AND (expires_on IS NULL OR expires_on >= v_today)
                ORDER BY claim_key LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING * INTO v_card;
        IF FOUND THEN
            RETURN v_card;
        END IF;
    END LOOP;

    -- SKIP LOCKED also says "empty" while a claim that is about to roll back holds the last
    -- card. Before that is told to a person, wait for the lock a moment.
    v_give_up_at := clock_timestamp() + interval '200 milliseconds';
    LOOP
        v_id := giftcards_wait_for_card(p_pool_id, v_today);
        EXIT WHEN v_id IS NULL;
        UPDATE giftcards_giftcard
            SET status = 'claimed', claimed_at = p_now,
                holder_kind = p_holder_kind, holder_id = p_holder_id
            -- Whoever held it may have sold it: then it lies in another pool by now.
            WHERE id = v_id AND status = 'available' AND pool_id = p_pool_id
            RETURNING * INTO v_card;
        IF FOUND THEN
            RETURN v_card;
        END IF;
        EXIT WHEN clock_timestamp() > v_give_up_at;
    END LOOP;
    -- Who waited for one card may have missed another that came free meanwhile.
    UPDATE giftcards_giftcard
        SET status = 'claimed', claimed_at = p_now,
            holder_kind = p_holder_kind, holder_id = p_holder_id
        WHERE id = (
            SELECT id FROM giftcards_giftcard
            WHERE pool_id = p_pool_id AND status = 'available'
                AND (expires_on IS NULL OR expires_on >= v_today)
            ORDER BY expiry_bucket, claim_key LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING * INTO v_card;
    RETURN v_card;
END
$$;

-- Return an available card of the pool once its lock is free, NULL when the pool is empty or
-- the lock was not to be had within 200 ms.
CREATE OR REPLACE FUNCTION giftcards_wait_for_card(p_pool_id uuid, p_today date) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    v_id uuid;
BEGIN
    SELECT id INTO v_id FROM giftcards_giftcard
        WHERE pool_id = p_pool_id AND status = 'available'
            AND (expires_on IS NULL OR expires_on >= p_today)
        ORDER BY expiry_bucket, claim_key LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM giftcards_giftcard WHERE id = v_id FOR UPDATE;
    RETURN v_id;
EXCEPTION WHEN lock_not_available THEN
    RETURN NULL;
END
$$;
