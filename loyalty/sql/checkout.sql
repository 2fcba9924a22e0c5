-- A checkout, from the cart to the points: its eight steps, in at most two transactions.
--
-- Note [Checkout]
-- Begun, a checkout is `payment_unknown`, and that is the truth until the gateway has answered for
-- good: its points are held and its articles set aside, committed before any gateway is asked.
-- Finished, the payment is written and the articles are gone; then come the points, within a
-- savepoint: whatever goes wrong there, the order and its payment stand, the points stay held, and
-- a reconciliation item owes them. What is known beforehand (cash, a terminal's slip) is begun and
-- finished in one statement, so nothing of it can be half done.

-- One more step in a log of steps.
CREATE OR REPLACE FUNCTION loyalty_step(
    p_steps jsonb, p_name text, p_status text, p_since timestamptz
) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT p_steps || jsonb_build_object('name', p_name, 'status', p_status, 'milliseconds',
        round((extract(epoch FROM clock_timestamp() - p_since) * 1000)::numeric, 3))
$$;

-- Steps 1 to 3: price the cart, hold the points, set the articles aside.
CREATE OR REPLACE FUNCTION loyalty_begin_checkout(
    p_checkout_id uuid,
    p_client_id uuid,
    p_customer_id uuid,
    p_register_session_id uuid,
    p_order_number text,
    p_skus text[],
    p_quantities integer[],
    p_points bigint,
    p_gateway text,
    p_payment_id uuid,
    p_payment_due_at timestamptz,
    p_actor text,
    p_request_id text,
    p_idempotency_owner text,
    p_idempotency_key text,
    p_idempotency_fingerprint bytea,
    p_now timestamptz
) RETURNS loyalty_checkout
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_checkout loyalty_checkout;
    v_customer loyalty_customer;
    v_cart record;
    v_steps jsonb := '[]';
    v_began_at timestamptz := clock_timestamp();
    v_session record;
BEGIN
    -- The lock first, so that of two that together redeem too much the second sees what is left.
    IF p_customer_id IS NOT NULL THEN
        v_customer := loyalty_lock_customer(p_client_id, p_customer_id);
    END IF;
    -- Before anything is looked at: a repeat that comes while the first is running waits here, and
    -- hears of its end, not of the order number or of the articles that the first has taken.
    IF p_idempotency_key IS NOT NULL THEN
        INSERT INTO credit_idempotencyrecord
            (owner, key, fingerprint, status, object_id, state, created_at)
        VALUES (p_idempotency_owner, p_idempotency_key, p_idempotency_fingerprint, 202,
            p_checkout_id, 'payment_unknown', p_now)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'this key was answered before' USING ERRCODE = 'GC900';
        END IF;
    END IF;
    SELECT * INTO v_cart FROM loyalty_price_cart(
        p_client_id, p_customer_id, p_skus, p_quantities, p_points);
    v_steps := loyalty_step(v_steps, 'validate', 'ok', v_began_at);
    v_began_at := clock_timestamp();
    IF p_register_session_id IS NOT NULL THEN
        SELECT s.closed_at, s.currency INTO v_session FROM loyalty_registersession s
            WHERE s.id = p_register_session_id AND s.client_id = p_client_id;
        IF NOT FOUND THEN
            PERFORM loyalty_refuse_field('register_session_id', 'There is no such session.');
        ELSIF v_session.closed_at IS NOT NULL THEN
            PERFORM loyalty_refuse_field('register_session_id', 'This session is closed.');
        ELSIF v_session.currency <> v_cart.currency THEN
            PERFORM loyalty_refuse_field(
                'register_session_id', 'This till takes another currency.');
        END IF;
    END IF;
    PERFORM loyalty_reserve(p_client_id, p_skus, p_quantities);
    v_steps := loyalty_step(v_steps, 'reserve_stock', 'ok', v_began_at);

    -- Where the order number is taken, loyalty_checkout_order_number_unique refuses it.
    INSERT INTO loyalty_checkout
        (id, client_id, customer_id, register_session_id, order_number, state, loyalty, currency,
         subtotal_minor, discount_minor, total_minor, points_redeemed, points_earned, steps,
         actor, request_id, created_at)
    VALUES (p_checkout_id, p_client_id, p_customer_id, p_register_session_id, p_order_number,
        'payment_unknown', CASE WHEN v_cart.has_points THEN 'pending' ELSE 'none' END,
        v_cart.currency, v_cart.subtotal_minor, v_cart.discount_minor, v_cart.total_minor,
        p_points, v_cart.points_to_earn, v_steps, p_actor, p_request_id, p_now);
    v_began_at := clock_timestamp();
    -- They belong to the checkout, so it is there before they are held.
    IF p_points > 0 THEN
        UPDATE loyalty_customer SET points_held = points_held + p_points WHERE id = p_customer_id;
        UPDATE loyalty_checkout SET steps = loyalty_step(steps, 'hold_points', 'ok', v_began_at)
            WHERE id = p_checkout_id;
    END IF;
    INSERT INTO loyalty_checkoutline
        (checkout_id, client_id, stock_item_id, position, sku, name, quantity, price_minor)
    SELECT p_checkout_id, p_client_id, s.id, l.position, s.sku, s.name, l.quantity, s.price_minor
        FROM unnest(p_skus, p_quantities) WITH ORDINALITY AS l (sku, quantity, position)
        JOIN loyalty_stockitem s ON s.client_id = p_client_id AND s.sku = l.sku;
    INSERT INTO loyalty_payment
        (id, checkout_id, client_id, gateway, amount_minor, currency, state, next_attempt_at,
         created_at)
    VALUES (p_payment_id, p_checkout_id, p_client_id, p_gateway, v_cart.total_minor,
        v_cart.currency, 'unknown', p_payment_due_at, p_now);
    -- Last, in the order of Note [Points], and shared with the till's other checkouts: who closes
    -- it waits for this one and finds it, or was first, and this one is not begun.
    IF p_register_session_id IS NOT NULL THEN
        PERFORM 1 FROM loyalty_registersession s
            WHERE s.id = p_register_session_id AND s.closed_at IS NULL FOR KEY SHARE;
        IF NOT FOUND THEN
            PERFORM loyalty_refuse_field('register_session_id', 'This session is closed.');
        END IF;
    END IF;
    SELECT * INTO v_checkout FROM loyalty_checkout WHERE id = p_checkout_id;
    RETURN v_checkout;
END
$$;

-- Set articles aside, all or none, in the order of their ids.
CREATE OR REPLACE FUNCTION loyalty_reserve(
    p_client_id uuid, p_skus text[], p_quantities integer[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_line record;
    v_missing jsonb := '[]';
BEGIN
    FOR v_line IN
        SELECT s.id, s.sku, sum(l.quantity) AS quantity
        FROM unnest(p_skus, p_quantities) AS l (sku, quantity)
        JOIN loyalty_stockitem s ON s.client_id = p_client_id AND s.sku = l.sku
        GROUP BY s.id, s.sku ORDER BY s.id
    LOOP
        UPDATE loyalty_stockitem SET reserved = reserved + v_line.quantity
            WHERE id = v_line.id AND on_hand - reserved >= v_line.quantity;
        IF NOT FOUND THEN
            v_missing := v_missing || to_jsonb(format('%s: %s asked, %s left.', v_line.sku,
                v_line.quantity, (SELECT on_hand - reserved FROM loyalty_stockitem
                    WHERE id = v_line.id)));
        END IF;
    END LOOP;
    IF v_missing <> '[]' THEN
        RAISE EXCEPTION 'not enough in stock' USING ERRCODE = 'GC115',
            DETAIL = jsonb_build_object('lines', v_missing)::text;
    END IF;
END
$$;

-- Steps 5 to 7, once the payment is known: `approved` or `declined`. Repeated, it changes nothing
-- and returns the checkout as it stands. Raises GC111 when there is no such checkout, GC115 when
-- it ended the other way.
CREATE OR REPLACE FUNCTION loyalty_finish_checkout(
    p_checkout_id uuid,
    p_outcome text,
    p_gateway_reference text,
    p_error text,
    p_took_milliseconds numeric,
    p_now timestamptz
) RETURNS loyalty_checkout
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_checkout loyalty_checkout;
    v_steps jsonb;
    v_error text;
    v_began_at timestamptz := clock_timestamp();
BEGIN
    SELECT * INTO v_checkout FROM loyalty_checkout WHERE id = p_checkout_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no checkout %', p_checkout_id USING ERRCODE = 'GC111';
    END IF;
    -- In the order of Note [Points]; the articles are the same as at the beginning.
    IF v_checkout.customer_id IS NOT NULL THEN
        PERFORM 1 FROM loyalty_customer WHERE id = v_checkout.customer_id FOR NO KEY UPDATE;
    END IF;
    PERFORM 1 FROM loyalty_stockitem s WHERE s.id IN (
        SELECT l.stock_item_id FROM loyalty_checkoutline l WHERE l.checkout_id = p_checkout_id)
        ORDER BY s.id FOR NO KEY UPDATE;
    SELECT * INTO v_checkout FROM loyalty_checkout WHERE id = p_checkout_id FOR NO KEY UPDATE;
    IF v_checkout.state <> 'payment_unknown' THEN
        IF (v_checkout.state = 'declined') <> (p_outcome = 'declined') THEN
            RAISE EXCEPTION 'checkout % is %', p_checkout_id, v_checkout.state
                USING ERRCODE = 'GC115', DETAIL = jsonb_build_object(
                    'checkout_id', p_checkout_id, 'state', v_checkout.state)::text;
        END IF;
        RETURN v_checkout;
    END IF;
    v_steps := v_checkout.steps || jsonb_build_object('name', 'take_payment', 'status', p_outcome,
        'milliseconds', p_took_milliseconds);
    UPDATE loyalty_payment SET state = p_outcome, gateway_reference = p_gateway_reference,
            error = p_error, settled_at = p_now, next_attempt_at = NULL
        WHERE checkout_id = p_checkout_id;
    UPDATE loyalty_stockitem s
        SET reserved = s.reserved - l.quantity,
            on_hand = s.on_hand - CASE WHEN p_outcome = 'approved' THEN l.quantity ELSE 0 END
        FROM (SELECT stock_item_id, sum(quantity) AS quantity FROM loyalty_checkoutline
            WHERE checkout_id = p_checkout_id GROUP BY stock_item_id) l
        WHERE s.id = l.stock_item_id;
    v_steps := loyalty_step(v_steps, CASE WHEN p_outcome = 'approved' THEN 'finalise_stock'
        ELSE 'release_stock' END, 'ok', v_began_at);
    v_began_at := clock_timestamp();
    IF p_outcome = 'declined' THEN
        UPDATE loyalty_checkout SET state = 'declined', loyalty = 'none', points_redeemed = 0,
                points_earned = 0, steps = v_steps, settled_at = p_now
            WHERE id = p_checkout_id;
        IF v_checkout.points_redeemed > 0 THEN
            UPDATE loyalty_customer SET points_held = points_held - v_checkout.points_redeemed
                WHERE id = v_checkout.customer_id;
            UPDATE loyalty_checkout
                SET steps = loyalty_step(steps, 'release_points', 'ok', v_began_at)
                WHERE id = p_checkout_id;
        END IF;
        SELECT * INTO v_checkout FROM loyalty_checkout WHERE id = p_checkout_id;
        RETURN v_checkout;
    END IF;

    UPDATE loyalty_checkout SET state = 'completed', settled_at = p_now
        WHERE id = p_checkout_id;
    IF v_checkout.loyalty = 'pending' THEN
        BEGIN
            PERFORM loyalty_apply_points(p_checkout_id, v_checkout.actor, p_now);
            v_steps := loyalty_step(v_steps, 'update_points', 'ok', v_began_at);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS v_error = MESSAGE_TEXT;
            INSERT INTO loyalty_reconciliationitem
                (id, checkout_id, client_id, customer_id, points_earned, points_redeemed,
                 order_total_minor, currency, error, created_at, next_attempt_at)
            VALUES (gen_random_uuid(), p_checkout_id, v_checkout.client_id,
                v_checkout.customer_id, v_checkout.points_earned, v_checkout.points_redeemed,
                v_checkout.total_minor, v_checkout.currency,
                left(SQLSTATE || ': ' || v_error, 300), p_now, p_now + interval '1 minute');
            v_steps := loyalty_step(v_steps, 'update_points', 'pending', v_began_at);
        END;
        v_began_at := clock_timestamp();
    END IF;
    IF v_checkout.register_session_id IS NOT NULL THEN
        UPDATE loyalty_registersession SET orders = orders + 1,
                sales_minor = sales_minor + v_checkout.total_minor
            WHERE id = v_checkout.register_session_id;
        v_steps := loyalty_step(v_steps, 'update_register_session', 'ok', v_began_at);
    END IF;
    UPDATE loyalty_checkout SET steps = v_steps WHERE id = p_checkout_id
        RETURNING * INTO v_checkout;
    RETURN v_checkout;
END
$$;

-- Step 6: what a paid checkout takes and gives in points, once. Raises what it meets; the caller
-- decides what becomes of that.
CREATE OR REPLACE FUNCTION loyalty_apply_points(
    p_checkout_id uuid, p_actor text, p_now timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_checkout loyalty_checkout;
BEGIN
    SELECT * INTO v_checkout FROM loyalty_checkout WHERE id = p_checkout_id;
    PERFORM 1 FROM loyalty_customer WHERE id = v_checkout.customer_id FOR NO KEY UPDATE;
    SELECT * INTO v_checkout FROM loyalty_checkout WHERE id = p_checkout_id FOR NO KEY UPDATE;
    IF v_checkout.loyalty <> 'pending' OR v_checkout.state IN ('payment_unknown', 'declined') THEN
        RETURN false;
    END IF;
    UPDATE loyalty_checkout SET loyalty = 'applied' WHERE id = p_checkout_id;
    IF v_checkout.points_redeemed > 0 THEN
        UPDATE loyalty_customer SET points_held = points_held - v_checkout.points_redeemed
            WHERE id = v_checkout.customer_id;
        PERFORM loyalty_post_points(v_checkout.customer_id, -v_checkout.points_redeemed, 'spent',
            'order', p_checkout_id, 'Order ' || v_checkout.order_number, p_actor, p_now);
    END IF;
    IF v_checkout.points_earned > 0 THEN
        PERFORM loyalty_post_points(v_checkout.customer_id, v_checkout.points_earned, 'earned',
            'order', p_checkout_id, 'Order ' || v_checkout.order_number, p_actor, p_now);
    END IF;
    IF v_checkout.register_session_id IS NOT NULL THEN
        UPDATE loyalty_registersession
            SET points_spent = points_spent + v_checkout.points_redeemed,
                points_earned = points_earned + v_checkout.points_earned
            WHERE id = v_checkout.register_session_id;
    END IF;
    RETURN true;
END
$$;

-- All of it at once, for a payment whose end is known. The till says what was paid: it must be
-- what the cart costs. Raises what loyalty_begin_checkout raises.
CREATE OR REPLACE FUNCTION loyalty_check_out(
    p_checkout_id uuid,
    p_client_id uuid,
    p_customer_id uuid,
    p_register_session_id uuid,
    p_order_number text,
    p_skus text[],
    p_quantities integer[],
    p_points bigint,
    p_gateway text,
    p_payment_id uuid,
    p_outcome text,
    p_amount_minor bigint,
    p_gateway_reference text,
    p_actor text,
    p_request_id text,
    p_idempotency_owner text,
    p_idempotency_key text,
    p_idempotency_fingerprint bytea,
    p_now timestamptz
) RETURNS loyalty_checkout
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_checkout loyalty_checkout;
BEGIN
    -- What was declined is forgotten: asked again, it is another try. So its key stays free.
    v_checkout := loyalty_begin_checkout(p_checkout_id, p_client_id, p_customer_id,
        p_register_session_id, p_order_number, p_skus, p_quantities, p_points, p_gateway,
        p_payment_id, NULL, p_actor, p_request_id, p_idempotency_owner,
        CASE WHEN p_outcome = 'approved' THEN p_idempotency_key END, p_idempotency_fingerprint,
        p_now);
    IF p_amount_minor <> v_checkout.total_minor THEN
        RAISE EXCEPTION 'paid %, costs %', p_amount_minor, v_checkout.total_minor
            USING ERRCODE = 'GC012', DETAIL = jsonb_build_object('amount_minor', p_amount_minor,
                'total_minor', v_checkout.total_minor, 'currency', v_checkout.currency,
                'errors', '{"payment": ["The amount is not what the cart costs."]}'::jsonb)::text;
    END IF;
    v_checkout := loyalty_finish_checkout(
        p_checkout_id, p_outcome, p_gateway_reference, '', 0, p_now);
    IF p_outcome = 'approved' AND p_idempotency_key IS NOT NULL THEN
        UPDATE credit_idempotencyrecord SET status = 201, state = 'completed'
            WHERE owner = p_idempotency_owner AND key = p_idempotency_key;
    END IF;
    RETURN v_checkout;
END
$$;
