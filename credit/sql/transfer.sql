-- Move money between an account and its parent or one of the platform's, as one transaction.
-- The accounts' rows are locked by (level, id), as everywhere: see Note [Lock order].
-- Returns the balance of each after the movement; raises GC006 when the payer is short.
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
    -- The platform's rows are left unlocked: they keep no balance and all would wait on them.
    SELECT array_agg(id) INTO v_accounts FROM (
        SELECT id FROM credit_account
        WHERE id IN (p_from_account_id, p_to_account_id) AND level <> 'platform'
        ORDER BY array_position(ARRAY['agency', 'client', 'campaign'], level::text), id
        FOR NO KEY UPDATE) locked;
    UPDATE credit_account SET balance_minor = balance_minor - p_amount_minor
        WHERE id = p_from_account_id AND level <> 'platform' AND balance_minor >= p_amount_minor
        RETURNING balance_minor INTO from_balance;
    IF NOT FOUND AND p_from_account_id = ANY (v_accounts) THEN
        RAISE EXCEPTION 'account % can not pay %', p_from_account_id, p_amount_minor
            USING ERRCODE = 'GC006', DETAIL = jsonb_build_object(
                'account_id', p_from_account_id, 'amount_minor', p_amount_minor)::text;
    END IF;
    UPDATE credit_account SET balance_minor = balance_minor + p_amount_minor
        WHERE id = p_to_account_id AND level <> 'platform'
        RETURNING balance_minor INTO to_balance;
    INSERT INTO credit_transaction
        (id, kind, reference, idempotency_key, settles_id, actor, note, created_at)
        VALUES (p_transaction_id, p_kind, p_reference, p_idempotency_key, p_settles_id,
            p_actor, p_note, p_now);
    INSERT INTO credit_entry (transaction_id, account_id, amount_minor, balance_after_minor)
        VALUES (p_transaction_id, p_from_account_id, -p_amount_minor, from_balance),
            (p_transaction_id, p_to_account_id, p_amount_minor, to_balance);
END
$$;
