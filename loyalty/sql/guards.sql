-- What holds whoever writes: see Note [Points].

-- A customer's points are what the last transaction left, and what is held is what the open
-- checkouts and rewards hold.
CREATE OR REPLACE FUNCTION loyalty_check_customer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.points_balance, NEW.transactions) IS DISTINCT FROM (OLD.points_balance,
        OLD.transactions) AND NOT EXISTS (
        SELECT 1 FROM loyalty_loyaltytransaction t
        WHERE t.customer_id = NEW.id AND t.number = NEW.transactions
            AND t.balance_after = NEW.points_balance)
    THEN
        RAISE EXCEPTION 'customer % has % points, which is not what transaction % left', NEW.id,
            NEW.points_balance, NEW.transactions
            USING ERRCODE = 'check_violation',
                CONSTRAINT = 'loyalty_customer_balance_is_its_last_transaction';
    END IF;
    IF NEW.points_held <> OLD.points_held AND NEW.points_held <> loyalty_sum_holds(NEW.id) THEN
        RAISE EXCEPTION 'customer % holds % points, which is not what checkouts and rewards hold',
            NEW.id, NEW.points_held
            USING ERRCODE = 'check_violation',
                CONSTRAINT = 'loyalty_customer_held_is_what_is_open';
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION loyalty_sum_holds(p_customer_id uuid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce((SELECT sum(c.points_redeemed) FROM loyalty_checkout c
            WHERE c.customer_id = p_customer_id AND c.loyalty = 'pending'
                AND c.points_redeemed > 0), 0)::bigint
        + coalesce((SELECT sum(r.points) FROM loyalty_reward r
            WHERE r.customer_id = p_customer_id
                AND r.state IN ('provisioning', 'unconfirmed')), 0)::bigint
$$;

CREATE OR REPLACE TRIGGER loyalty_customer_points_are_accounted
    AFTER UPDATE ON loyalty_customer FOR EACH ROW
    WHEN ((OLD.points_balance, OLD.points_held, OLD.transactions)
        IS DISTINCT FROM (NEW.points_balance, NEW.points_held, NEW.transactions))
    EXECUTE FUNCTION loyalty_check_customer();

CREATE OR REPLACE FUNCTION loyalty_check_new_customer() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a customer begins without points' USING ERRCODE = 'check_violation',
        CONSTRAINT = 'loyalty_customer_begins_without_points';
END
$$;

CREATE OR REPLACE TRIGGER loyalty_customer_begins_without_points
    BEFORE INSERT ON loyalty_customer FOR EACH ROW
    WHEN ((NEW.points_balance, NEW.points_held, NEW.lifetime_points, NEW.transactions)
        <> (0, 0, 0, 0))
    EXECUTE FUNCTION loyalty_check_new_customer();

-- Each transaction begins where the one before ended.
CREATE OR REPLACE FUNCTION loyalty_check_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.number = 1 AND NEW.balance_before = 0 OR EXISTS (
        SELECT 1 FROM loyalty_loyaltytransaction t
        WHERE t.customer_id = NEW.customer_id AND t.number = NEW.number - 1
            AND t.balance_after = NEW.balance_before)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'transaction % of customer % does not begin where the last one ended',
        NEW.number, NEW.customer_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'loyalty_points_chain_without_gap';
END
$$;

CREATE OR REPLACE TRIGGER loyalty_points_chain_without_gap
    BEFORE INSERT ON loyalty_loyaltytransaction
    FOR EACH ROW EXECUTE FUNCTION loyalty_check_chain();

-- A checkout's terms are written once, and its state moves forward.
CREATE OR REPLACE FUNCTION loyalty_check_checkout() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_moving constant text[] := '{state,loyalty,points_redeemed,points_earned,steps,settled_at,
        refunded_of_subtotal_minor,refunded_minor}';
BEGIN
    IF to_jsonb(NEW) - v_moving = to_jsonb(OLD) - v_moving
        AND (NEW.state = OLD.state OR (OLD.state, NEW.state) IN (
            ('payment_unknown', 'completed'), ('payment_unknown', 'declined'),
            ('completed', 'partly_refunded'), ('completed', 'refunded'),
            ('partly_refunded', 'refunded')))
        AND (NEW.loyalty = OLD.loyalty OR OLD.loyalty = 'pending')
        AND ((NEW.points_redeemed, NEW.points_earned) = (OLD.points_redeemed, OLD.points_earned)
            OR (NEW.loyalty, NEW.points_redeemed, NEW.points_earned) = ('none', 0, 0))
        AND NEW.refunded_of_subtotal_minor >= OLD.refunded_of_subtotal_minor
        AND NEW.refunded_minor >= OLD.refunded_minor
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'checkout % can not become that', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'loyalty_checkout_moves_forward';
END
$$;

CREATE OR REPLACE TRIGGER loyalty_checkout_moves_forward BEFORE UPDATE ON loyalty_checkout
    FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION loyalty_check_checkout();

-- What a gateway has said for good stays said; until then it may give the payment its name.
CREATE OR REPLACE FUNCTION loyalty_check_payment() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_moving constant text[] :=
        '{state,gateway_reference,error,tries,next_attempt_at,settled_at}';
BEGIN
    IF OLD.state = 'unknown' AND to_jsonb(NEW) - v_moving = to_jsonb(OLD) - v_moving THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'payment % is %', OLD.id, OLD.state
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'loyalty_payment_is_settled_once';
END
$$;

CREATE OR REPLACE TRIGGER loyalty_payment_is_settled_once BEFORE UPDATE ON loyalty_payment
    FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION loyalty_check_payment();

-- What was applied or resolved is not owed again; the note of who resolved it may name the
-- customer, and is emptied when they are forgotten.
CREATE OR REPLACE FUNCTION loyalty_check_reconciliation() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_moving constant text[] := '{error,attempts,last_attempt_at,next_attempt_at,resolved,
        resolved_at,resolved_by,resolution_note}';
BEGIN
    IF NOT OLD.resolved AND to_jsonb(NEW) - v_moving = to_jsonb(OLD) - v_moving
        OR NEW.resolution_note = ''
            AND to_jsonb(NEW) - 'resolution_note' = to_jsonb(OLD) - 'resolution_note'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'reconciliation % is resolved', OLD.id USING ERRCODE = 'restrict_violation',
        CONSTRAINT = 'loyalty_reconciliation_is_resolved_once';
END
$$;

CREATE OR REPLACE TRIGGER loyalty_reconciliation_is_resolved_once
    BEFORE UPDATE ON loyalty_reconciliationitem FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW)
    EXECUTE FUNCTION loyalty_check_reconciliation();

-- A reward's state moves forward, and its terms are written once.
CREATE OR REPLACE FUNCTION loyalty_check_reward() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_terms constant text[] := '{id,client_id,customer_id,denomination_id,points,
        face_value_minor,currency,actor,created_at}';
BEGIN
    IF (SELECT bool_and(to_jsonb(NEW) -> k = to_jsonb(OLD) -> k) FROM unnest(v_terms) k)
        AND (OLD.card_id IS NULL OR NEW.card_id = OLD.card_id)
        AND (NEW.state = OLD.state OR (OLD.state, NEW.state) IN (
            ('provisioning', 'unconfirmed'), ('unconfirmed', 'provisioning'),
            ('provisioning', 'issued'), ('unconfirmed', 'issued'),
            ('provisioning', 'failed'), ('unconfirmed', 'failed'),
            ('issued', 'delivered'), ('issued', 'confirmed'), ('delivered', 'confirmed')))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'reward % can not become that', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'loyalty_reward_moves_forward';
END
$$;

CREATE OR REPLACE TRIGGER loyalty_reward_moves_forward BEFORE UPDATE ON loyalty_reward
    FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION loyalty_check_reward();

-- Why points were changed by hand may name the customer: Note [Emptying].
CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON loyalty_loyaltytransaction
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_all_but_emptying('description');
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON loyalty_loyaltytransaction
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();

-- Nothing that has to do with points or money is removed.
DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['loyalty_customer', 'loyalty_checkout', 'loyalty_checkoutline',
        'loyalty_payment', 'loyalty_reconciliationitem', 'loyalty_refund', 'loyalty_reward']
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON %s
            FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change()', v_table);
        EXECUTE format('CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON %s
            FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change()', v_table);
    END LOOP;
END
$$;
