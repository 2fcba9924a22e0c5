-- Give money back for a checkout, in part or whole, and the points of that share both ways.
--
-- Note [Shares]
-- What was refunded is kept as a share of the subtotal: of articles it is their price, of an amount
-- its part of what was paid. Money and points follow from the share so far, rounded down, less what
-- went back before; so parts add up to the whole, whatever they were.
--
-- The points that were spent go back first, then the earned ones are taken, as far as there are
-- any: what is missing is a shortfall. Articles go back to stock only by hand: nobody here knows
-- whether they can be sold again. Raises GC111, GC012, and GC115 where the state forbids it.
CREATE OR REPLACE FUNCTION loyalty_refund_checkout(
    p_refund_id uuid,
    p_client_id uuid,
    p_checkout_id uuid,
    p_amount_minor bigint,
    p_skus text[],
    p_quantities integer[],
    p_reason text,
    p_actor text,
    p_request_id text,
    p_now timestamptz
) RETURNS loyalty_refund
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_checkout loyalty_checkout;
    v_customer loyalty_customer;
    v_refund loyalty_refund;
    v_gateway text;
    v_share bigint;
    v_amount bigint;
    v_returned bigint := 0;
    v_owed bigint := 0;
    v_taken bigint := 0;
BEGIN
    SELECT * INTO v_checkout FROM loyalty_checkout
        WHERE id = p_checkout_id AND client_id = p_client_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no checkout %', p_checkout_id USING ERRCODE = 'GC111';
    END IF;
    PERFORM 1 FROM loyalty_customer WHERE id = v_checkout.customer_id FOR NO KEY UPDATE;
    SELECT * INTO v_checkout FROM loyalty_checkout WHERE id = p_checkout_id FOR NO KEY UPDATE;
    IF v_checkout.state NOT IN ('completed', 'partly_refunded') THEN
        RAISE EXCEPTION 'checkout % is %', p_checkout_id, v_checkout.state
            USING ERRCODE = 'GC115', DETAIL = jsonb_build_object('state', v_checkout.state)::text;
    END IF;
    -- What is still owed is settled first; where it can't be, neither can this.
    IF v_checkout.loyalty = 'pending' THEN
        RAISE EXCEPTION 'the points of checkout % are still to come', p_checkout_id
            USING ERRCODE = 'GC115', DETAIL = jsonb_build_object('loyalty', 'pending')::text;
    END IF;

    IF p_amount_minor IS NULL THEN
        v_share := loyalty_refund_lines(p_checkout_id, p_skus, p_quantities);
    ELSIF p_amount_minor > v_checkout.total_minor - v_checkout.refunded_minor THEN
        PERFORM loyalty_refuse_field('amount', 'That is more than is left of what was paid.');
    ELSIF p_amount_minor = v_checkout.total_minor - v_checkout.refunded_minor THEN
        v_share := v_checkout.subtotal_minor - v_checkout.refunded_of_subtotal_minor;
    ELSE
        v_share := greatest(1, floor(p_amount_minor::numeric * v_checkout.subtotal_minor
            / v_checkout.total_minor));
    END IF;
    IF v_share <= 0 OR v_share
        > v_checkout.subtotal_minor - v_checkout.refunded_of_subtotal_minor
    THEN
        PERFORM loyalty_refuse_field(
            CASE WHEN p_amount_minor IS NULL THEN 'lines' ELSE 'amount' END,
            'That is more than is left to refund.');
    END IF;
    v_amount := coalesce(p_amount_minor, greatest(0, loyalty_share(v_checkout.total_minor,
        v_checkout.refunded_of_subtotal_minor + v_share, v_checkout.subtotal_minor)
        - v_checkout.refunded_minor));
    IF v_checkout.loyalty = 'applied' THEN
        v_returned := loyalty_share(v_checkout.points_redeemed,
                v_checkout.refunded_of_subtotal_minor + v_share, v_checkout.subtotal_minor)
            - loyalty_share(v_checkout.points_redeemed, v_checkout.refunded_of_subtotal_minor,
                v_checkout.subtotal_minor);
        v_owed := loyalty_share(v_checkout.points_earned,
                v_checkout.refunded_of_subtotal_minor + v_share, v_checkout.subtotal_minor)
            - loyalty_share(v_checkout.points_earned, v_checkout.refunded_of_subtotal_minor,
                v_checkout.subtotal_minor);
    END IF;
    IF v_returned > 0 THEN
        PERFORM loyalty_post_points(v_checkout.customer_id, v_returned, 'reversed', 'refund_spent',
            p_refund_id, 'Refund of order ' || v_checkout.order_number, p_actor, p_now);
    END IF;
    IF v_owed > 0 THEN
        SELECT * INTO v_customer FROM loyalty_customer WHERE id = v_checkout.customer_id;
        v_taken := least(v_owed, v_customer.points_balance - v_customer.points_held);
        IF v_taken > 0 THEN
            PERFORM loyalty_post_points(v_checkout.customer_id, -v_taken, 'reversed',
                'refund_earned', p_refund_id, 'Refund of order ' || v_checkout.order_number,
                p_actor, p_now);
        END IF;
    END IF;
    UPDATE loyalty_checkout
        SET refunded_minor = refunded_minor + v_amount,
            refunded_of_subtotal_minor = refunded_of_subtotal_minor + v_share,
            state = CASE WHEN refunded_of_subtotal_minor + v_share = subtotal_minor
                THEN 'refunded' ELSE 'partly_refunded' END
        WHERE id = p_checkout_id;
    SELECT p.gateway INTO STRICT v_gateway FROM loyalty_payment p
        WHERE p.checkout_id = p_checkout_id;
    INSERT INTO loyalty_refund
        (id, checkout_id, client_id, state, amount_minor, of_subtotal_minor, currency, lines,
         points_taken_back, points_returned, shortfall_points, reason, next_attempt_at, actor,
         request_id, created_at)
    VALUES (p_refund_id, p_checkout_id, p_client_id,
        -- Cash is in the customer's hand; a gateway is asked for it after the commit.
        CASE WHEN v_gateway = 'manual' OR v_amount = 0 THEN 'done' ELSE 'pending' END, v_amount,
        v_share, v_checkout.currency, (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'sku', l.sku, 'quantity', l.quantity)), '[]')
            FROM unnest(p_skus, p_quantities) AS l (sku, quantity)),
        v_taken, v_returned, v_owed - v_taken, p_reason,
        CASE WHEN v_gateway <> 'manual' AND v_amount > 0 THEN p_now END, p_actor, p_request_id,
        p_now)
    RETURNING * INTO v_refund;
    IF v_checkout.register_session_id IS NOT NULL THEN
        UPDATE loyalty_registersession SET refunds_minor = refunds_minor + v_amount
            WHERE id = v_checkout.register_session_id;
    END IF;
    RETURN v_refund;
END
$$;

-- So much of a whole as a part is of its whole, rounded down.
CREATE OR REPLACE FUNCTION loyalty_share(p_whole bigint, p_part bigint, p_of bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT floor(p_whole::numeric * p_part / p_of)::bigint
$$;

-- Mark articles of a checkout as given back; return what they cost. An article may stand on
-- several lines; the first ones first.
CREATE OR REPLACE FUNCTION loyalty_refund_lines(
    p_checkout_id uuid, p_skus text[], p_quantities integer[]
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_asked record;
    v_line record;
    v_rest bigint;
    v_share bigint := 0;
BEGIN
    FOR v_asked IN
        SELECT l.sku, sum(l.quantity) AS quantity FROM unnest(p_skus, p_quantities)
            AS l (sku, quantity) GROUP BY l.sku ORDER BY l.sku
    LOOP
        v_rest := v_asked.quantity;
        FOR v_line IN
            SELECT id, quantity - refunded AS rest, price_minor FROM loyalty_checkoutline
            WHERE checkout_id = p_checkout_id AND sku = v_asked.sku AND refunded < quantity
            ORDER BY position
        LOOP
            EXIT WHEN v_rest = 0;
            UPDATE loyalty_checkoutline SET refunded = refunded + least(v_rest, v_line.rest)
                WHERE id = v_line.id;
            v_share := v_share + least(v_rest, v_line.rest) * v_line.price_minor;
            v_rest := v_rest - least(v_rest, v_line.rest);
        END LOOP;
        IF v_rest > 0 THEN
            PERFORM loyalty_refuse_field('lines', format(
                '%s: fewer than %s are left to refund.', v_asked.sku, v_asked.quantity));
        END IF;
    END LOOP;
    RETURN v_share;
END
$$;
