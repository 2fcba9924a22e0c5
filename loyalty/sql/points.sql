-- Points of a customer.
--
-- Note [Points]
-- A customer's balance is what the last transaction says, and each transaction begins where the
-- one before ended: both are written here, under the lock of the customer's row, and triggers
-- refuse whatever would let them differ. Points that a checkout or a reward may still
-- take are held: they count in the balance, but not as available. What has been applied once can
-- not be applied again: UNIQUE (reference_type, reference_id, type).
--
-- Rows are locked in the order customer → articles, by id → checkout → the till's session; where a
-- card is taken for points: customer → card → account, as in Note [Lock order].

-- Write one change of a customer's points. The caller holds the lock of the customer's row.
-- What counts for tiers: earned points, and those taken back again.
CREATE OR REPLACE FUNCTION loyalty_post_points(
    p_customer_id uuid,
    p_points bigint,
    p_type text,
    p_reference_type text,
    p_reference_id uuid,
    p_description text,
    p_actor text,
    p_now timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_customer record;
    v_lifetime bigint;
BEGIN
    v_lifetime := CASE WHEN p_type = 'earned' OR p_reference_type = 'refund_earned'
        THEN p_points ELSE 0 END;
    SELECT c.client_id, c.points_balance, c.transactions INTO STRICT v_customer
        FROM loyalty_customer c WHERE c.id = p_customer_id FOR NO KEY UPDATE;
    INSERT INTO loyalty_loyaltytransaction
        (id, customer_id, client_id, number, points, type, reference_type, reference_id,
         balance_before, balance_after, description, actor, created_at)
    VALUES (gen_random_uuid(), p_customer_id, v_customer.client_id, v_customer.transactions + 1,
        p_points, p_type, p_reference_type, p_reference_id, v_customer.points_balance,
        v_customer.points_balance + p_points, p_description, p_actor, p_now);
    UPDATE loyalty_customer c
        SET points_balance = c.points_balance + p_points,
            lifetime_points = greatest(c.lifetime_points + v_lifetime, 0),
            transactions = c.transactions + 1
        WHERE c.id = p_customer_id;
    IF v_lifetime <> 0 THEN
        PERFORM loyalty_set_tier(p_customer_id);
    END IF;
    RETURN v_customer.points_balance + p_points;
END
$$;

-- Give a customer the highest tier that their lifetime points reach; tell whether it is another.
CREATE OR REPLACE FUNCTION loyalty_set_tier(p_customer_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE loyalty_customer c SET tier = reached.name
        FROM (SELECT coalesce((
                SELECT t.name FROM loyalty_tier t
                JOIN loyalty_customer o ON o.id = p_customer_id AND t.client_id = o.client_id
                WHERE t.from_lifetime_points <= o.lifetime_points
                ORDER BY t.from_lifetime_points DESC LIMIT 1), '') AS name) reached
        WHERE c.id = p_customer_id AND c.tier <> reached.name;
    RETURN FOUND;
END
$$;

-- Lock a customer of a client. Raises GC111 when there is none, GC115 when the account is closed.
CREATE OR REPLACE FUNCTION loyalty_lock_customer(
    p_client_id uuid, p_customer_id uuid
) RETURNS loyalty_customer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_customer loyalty_customer;
BEGIN
    SELECT * INTO v_customer FROM loyalty_customer
        WHERE id = p_customer_id AND client_id = p_client_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no customer % of client %', p_customer_id, p_client_id
            USING ERRCODE = 'GC012', DETAIL = '{"errors": {"customer_id": ["There is no such customer."]}}';
    END IF;
    IF NOT v_customer.is_active THEN
        RAISE EXCEPTION 'customer % is closed', p_customer_id
            USING ERRCODE = 'GC012', DETAIL = '{"errors": {"customer_id": ["This customer''s account is closed."]}}';
    END IF;
    RETURN v_customer;
END
$$;

-- Take off, or add, points by hand. Raises GC112 where fewer are available than are taken.
CREATE OR REPLACE FUNCTION loyalty_adjust_points(
    p_client_id uuid,
    p_customer_id uuid,
    p_points bigint,
    p_adjustment_id uuid,
    p_reason text,
    p_actor text,
    p_now timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_customer loyalty_customer;
BEGIN
    v_customer := loyalty_lock_customer(p_client_id, p_customer_id);
    PERFORM loyalty_refuse_shortage(v_customer, -p_points);
    RETURN loyalty_post_points(p_customer_id, p_points, 'adjusted', 'adjustment',
        p_adjustment_id, p_reason, p_actor, p_now);
END
$$;

-- Raise GC112, naming both numbers, where a customer has fewer points available than are asked.
CREATE OR REPLACE FUNCTION loyalty_refuse_shortage(
    p_customer loyalty_customer, p_points bigint
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_available constant bigint := p_customer.points_balance - p_customer.points_held;
BEGIN
    IF p_points > v_available THEN
        RAISE EXCEPTION 'customer % has % points, % asked', p_customer.id, v_available, p_points
            USING ERRCODE = 'GC112', DETAIL = jsonb_build_object(
                'available', v_available, 'requested', p_points)::text;
    END IF;
END
$$;

-- Note [Oldest points first]
-- What was earned (or given back, or added by hand) is a lot; what was spent, expired or taken
-- away ate the oldest lots first. So what is left of a lot follows from sums, and is kept nowhere.
-- A lot past its time expires as a whole, once: UNIQUE holds it to its transaction. While points of
-- the customer are held for something that has not ended, a lot that they may come from waits.
CREATE OR REPLACE FUNCTION loyalty_expire_points(
    p_customer_id uuid, p_before timestamptz, p_actor text, p_now timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_available bigint;
    v_lot record;
    v_expired bigint := 0;
BEGIN
    SELECT points_balance - points_held INTO v_available FROM loyalty_customer
        WHERE id = p_customer_id FOR NO KEY UPDATE;
    FOR v_lot IN
        SELECT id, rest, created_at FROM (
            SELECT t.id, t.number, t.created_at,
                least(t.points, greatest(0, sum(t.points) OVER (ORDER BY t.number)::bigint - (
                    SELECT coalesce(-sum(u.points), 0)::bigint FROM loyalty_loyaltytransaction u
                    WHERE u.customer_id = p_customer_id AND u.points < 0))) AS rest
            FROM loyalty_loyaltytransaction t
            WHERE t.customer_id = p_customer_id AND t.points > 0) lots
        WHERE rest > 0 AND created_at < p_before
        ORDER BY number
    LOOP
        EXIT WHEN v_lot.rest > v_available;
        PERFORM loyalty_post_points(p_customer_id, -v_lot.rest, 'expired', 'lot', v_lot.id,
            format('Earned on %s', to_char(v_lot.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')),
            p_actor, p_now);
        v_available := v_available - v_lot.rest;
        v_expired := v_expired + v_lot.rest;
    END LOOP;
    RETURN v_expired;
END
$$;
