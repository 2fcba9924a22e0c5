-- Payments and refunds whose end a gateway has still to tell: Note [Charged once].

-- Take payments in hand that are due, the oldest first; each goes to one worker, and to another
-- after 1, 2, 4 … minutes, at most an hour, should this one die or the gateway not know.
CREATE OR REPLACE FUNCTION loyalty_claim_payments(p_limit integer, p_now timestamptz)
RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE loyalty_payment p
        SET tries = p.tries + 1,
            next_attempt_at = p_now + least(interval '1 hour',
                interval '1 minute' * power(2, least(p.tries, 6)))
        FROM (SELECT d.id FROM loyalty_payment d
            WHERE d.state = 'unknown' AND d.next_attempt_at <= p_now
            ORDER BY d.next_attempt_at, d.id LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED) due
        WHERE p.id = due.id
    RETURNING p.id
$$;

-- Write down what is known of a payment that is not settled: the gateway's name for it, and why.
CREATE OR REPLACE FUNCTION loyalty_note_payment(
    p_payment_id uuid, p_gateway_reference text, p_error text
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE loyalty_payment
        SET gateway_reference = coalesce(nullif(p_gateway_reference, ''), gateway_reference),
            error = p_error
        WHERE id = p_payment_id AND state = 'unknown'
$$;

-- The same of refunds; a refund is owed until the gateway has refused it, so at most twice a day.
CREATE OR REPLACE FUNCTION loyalty_claim_refunds(p_limit integer, p_now timestamptz)
RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE loyalty_refund r
        SET tries = r.tries + 1,
            next_attempt_at = p_now + least(interval '12 hours',
                interval '1 minute' * power(2, least(r.tries, 10)))
        FROM (SELECT d.id FROM loyalty_refund d
            WHERE d.state = 'pending' AND d.next_attempt_at <= p_now
            ORDER BY d.next_attempt_at, d.id LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED) due
        WHERE r.id = due.id
    RETURNING r.id
$$;

-- Write down what the gateway said of a refund: `done`, `failed`, or `pending` still. Returns
-- whether it was this call that ended it.
CREATE OR REPLACE FUNCTION loyalty_mark_refund(
    p_refund_id uuid, p_state text, p_gateway_reference text, p_error text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE loyalty_refund
        SET state = p_state,
            gateway_reference = coalesce(nullif(p_gateway_reference, ''), gateway_reference),
            error = p_error,
            next_attempt_at = CASE WHEN p_state = 'pending' THEN next_attempt_at END
        WHERE id = p_refund_id AND state = 'pending';
    RETURN FOUND AND p_state <> 'pending';
END
$$;

-- What a gateway has said of a refund for good stays said, and its terms are written once; its
-- reason may name the customer, and is emptied when they are forgotten.
CREATE OR REPLACE FUNCTION loyalty_check_refund() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_moving constant text[] := '{state,gateway_reference,error,tries,next_attempt_at}';
BEGIN
    IF OLD.state = 'pending' AND to_jsonb(NEW) - v_moving = to_jsonb(OLD) - v_moving
        OR NEW.reason = '' AND to_jsonb(NEW) - 'reason' = to_jsonb(OLD) - 'reason'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'refund % is %', OLD.id, OLD.state
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'loyalty_refund_moves_forward';
END
$$;

CREATE OR REPLACE TRIGGER loyalty_refund_moves_forward BEFORE UPDATE ON loyalty_refund
    FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION loyalty_check_refund();
