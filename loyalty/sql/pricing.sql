-- What a cart costs, and what it means in points: the same for a quote and for a checkout.
--
-- Prices are ours: a till names articles and how many. The customer's points are as they stand;
-- who buys has locked them first. Raises GC012 with the field that is wrong, GC112 where fewer
-- points are available than are to be redeemed.
CREATE OR REPLACE FUNCTION loyalty_price_cart(
    p_client_id uuid,
    p_customer_id uuid,
    p_skus text[],
    p_quantities integer[],
    p_points bigint,
    OUT currency text,
    OUT subtotal_minor bigint,
    OUT discount_minor bigint,
    OUT total_minor bigint,
    OUT points_to_earn bigint,
    OUT redeemable boolean,
    OUT available bigint,
    OUT has_points boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_program loyalty_loyaltyprogram;
    v_customer loyalty_customer;
    v_cart record;
    v_most bigint;
    v_multiplier numeric := 1;
BEGIN
    SELECT count(*) AS known, min(s.currency) AS currency, count(DISTINCT s.currency) AS currencies,
            sum(s.price_minor * l.quantity)::bigint AS subtotal,
            coalesce(cardinality(p_skus), 0) AS asked
        INTO v_cart
        FROM unnest(p_skus, p_quantities) AS l (sku, quantity)
        JOIN loyalty_stockitem s ON s.client_id = p_client_id AND s.sku = l.sku AND s.is_active;
    IF v_cart.known < v_cart.asked OR v_cart.asked = 0 THEN
        PERFORM loyalty_refuse_lines(p_client_id, p_skus);
    END IF;
    IF v_cart.currencies > 1 THEN
        PERFORM loyalty_refuse_field('lines', 'These articles have prices in several currencies.');
    END IF;
    currency := v_cart.currency;
    subtotal_minor := v_cart.subtotal;
    discount_minor := 0;
    points_to_earn := 0;
    redeemable := false;
    has_points := false;

    SELECT * INTO v_program FROM loyalty_loyaltyprogram p
        WHERE p.client_id = p_client_id AND p.is_enabled AND p.currency = v_cart.currency;
    IF p_customer_id IS NOT NULL THEN
        SELECT * INTO v_customer FROM loyalty_customer
            WHERE id = p_customer_id AND client_id = p_client_id;
        IF NOT FOUND THEN
            PERFORM loyalty_refuse_field('customer_id', 'There is no such customer.');
        ELSIF NOT v_customer.is_active THEN
            PERFORM loyalty_refuse_field('customer_id', 'This customer''s account is closed.');
        END IF;
        available := v_customer.points_balance - v_customer.points_held;
    END IF;
    has_points := v_program.id IS NOT NULL AND v_customer.id IS NOT NULL;
    IF p_points > 0 THEN
        IF v_customer.id IS NULL THEN
            PERFORM loyalty_refuse_field('points_to_redeem', 'Name the customer whose points these are.');
        ELSIF v_program.id IS NULL THEN
            PERFORM loyalty_refuse_field('points_to_redeem', 'Points can''t be redeemed at the moment.');
        END IF;
        PERFORM loyalty_refuse_shortage(v_customer, p_points);
        IF p_points < v_program.minimum_redemption THEN
            PERFORM loyalty_refuse_field('points_to_redeem', format(
                'At least %s points are redeemed at once.', v_program.minimum_redemption));
        END IF;
        discount_minor := floor(p_points * v_program.point_value_minor);
        v_most := floor(subtotal_minor / v_program.point_value_minor);
        IF discount_minor > subtotal_minor THEN
            PERFORM loyalty_refuse_field('points_to_redeem', format(
                'That is more than the cart costs: at most %s points.', v_most));
        END IF;
    END IF;
    total_minor := subtotal_minor - discount_minor;
    IF has_points THEN
        redeemable := available >= v_program.minimum_redemption;
        SELECT t.earn_multiplier INTO v_multiplier FROM loyalty_tier t
            WHERE t.program_id = v_program.id AND t.name = v_customer.tier;
        points_to_earn := floor(total_minor * v_program.points_per_currency_unit
            * coalesce(v_multiplier, 1) / v_program.minor_per_unit);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION loyalty_refuse_field(p_field text, p_words text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: %', p_field, p_words USING ERRCODE = 'GC012', DETAIL =
        jsonb_build_object('errors', jsonb_build_object(p_field, jsonb_build_array(p_words)))::text;
END
$$;

-- Name each article that the client does not sell.
CREATE OR REPLACE FUNCTION loyalty_refuse_lines(p_client_id uuid, p_skus text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_unknown jsonb;
BEGIN
    SELECT jsonb_agg(format('There is no article %s.', l.sku)) INTO v_unknown
        FROM unnest(p_skus) AS l (sku)
        WHERE NOT EXISTS (SELECT 1 FROM loyalty_stockitem s
            WHERE s.client_id = p_client_id AND s.sku = l.sku AND s.is_active);
    RAISE EXCEPTION 'lines' USING ERRCODE = 'GC012', DETAIL = jsonb_build_object('errors',
        jsonb_build_object('lines', coalesce(v_unknown, '["Name what is bought."]'::jsonb)))::text;
END
$$;
