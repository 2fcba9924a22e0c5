-- Move money between an account and its parent or one of the platform's, as one transaction.
-- The accounts' rows are locked from the lowest level up, as everywhere: see Note [Lock order].
-- Returns the balance of each after the movement; raises GC006 when the payer is short, GC115
-- when one of them is not active, GC012 when credit would not go down to a child of its own.
CREATE OR REPLACE FUNCTION credit_transfer(
    p_transaction_id uuid,
    p_from_account_id uuid,
    p_to_account_id uuid,
    p_amount_minor bigint,
    p_kind text,
    p_reference text,
    p_idempotency_key text,
    p_settles_id uuid,
    p_actor text,
    p_note text,
    p_now timestamptz,
    OUT from_balance bigint,
    OUT to_balance bigint
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_accounts uuid[];
BEGIN
    IF p_amount_minor <= 0 THEN
        RAISE EXCEPTION 'a transfer moves a positive amount' USING ERRCODE = 'check_violation';
    END IF;
    IF p_kind IN ('issue', 'allocation') AND NOT EXISTS (SELECT 1 FROM credit_account
        WHERE id = p_to_account_id AND parent_id = p_from_account_id)
    THEN
        RAISE EXCEPTION 'account % is no child of account %', p_to_account_id, p_from_account_id
            USING ERRCODE = 'GC012', DETAIL = jsonb_build_object('errors', jsonb_build_object(
                'to_account_id', jsonb_build_array(
                    'Credit goes down one level, to an account right below.')))::text;
    END IF;
    -- The platform's rows are left unlocked: they keep no balance and all would wait on them.
    SELECT array_agg(id) INTO v_accounts FROM (
        SELECT id FROM credit_account
        WHERE id IN (p_from_account_id, p_to_account_id) AND level <> 'platform'
        ORDER BY array_position(ARRAY['campaign', 'client', 'agency'], level::text), id
        FOR NO KEY UPDATE) locked;
    -- What is given back to an account must reach it, also when it is paused.
    IF p_kind IN ('issue', 'allocation') AND EXISTS (SELECT 1 FROM credit_account
        WHERE id IN (p_from_account_id, p_to_account_id) AND status <> 'active')
    THEN
        RAISE EXCEPTION 'account % or % is not active', p_from_account_id, p_to_account_id
            USING ERRCODE = 'GC115';
    END IF;
    IF p_from_account_id = ANY (v_accounts) THEN
        IF NOT credit_take_out(p_transaction_id, p_from_account_id, p_amount_minor) THEN
            RAISE EXCEPTION 'account % can not pay %', p_from_account_id, p_amount_minor
                USING ERRCODE = 'GC006', DETAIL = jsonb_build_object(
                    'account_id', p_from_account_id, 'amount_minor', p_amount_minor)::text;
        END IF;
    ELSE
        INSERT INTO credit_entry (transaction_id, account_id, amount_minor)
            VALUES (p_transaction_id, p_from_account_id, -p_amount_minor);
    END IF;
    -- What is handed down is a budget for many; what comes back was one spend.
    PERFORM credit_put_in(p_transaction_id, p_to_account_id, p_amount_minor,
        p_kind IN ('issue', 'allocation', 'adjustment'));
    INSERT INTO credit_transaction
        (id, kind, reference, idempotency_key, settles_id, actor, note, created_at)
        VALUES (p_transaction_id, p_kind, p_reference, p_idempotency_key, p_settles_id,
            p_actor, p_note, p_now);
    from_balance := credit_balance(p_from_account_id);
    to_balance := credit_balance(p_to_account_id);
END
$$;
