-- Take money out of an account into one of the platform's (consumed, held): the transaction and
-- its two entries. Returns NULL when the account can not pay: it is short, not active, or keeps
-- another currency.
--
-- One guarded UPDATE is both the check and the lock: of two debits that together exceed the
-- balance the second matches no row. It comes as late as it can, because the row is hot.
CREATE OR REPLACE FUNCTION credit_debit_account(
    p_transaction_id uuid,
    p_account_id uuid,
    p_amount_minor bigint,
    p_currency text,
    p_kind text,
    p_purpose text,
    p_reference text,
    p_actor text,
    p_now timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_balance bigint;
    v_contra uuid;
BEGIN
    IF p_amount_minor <= 0 THEN
        RAISE EXCEPTION 'a debit takes a positive amount' USING ERRCODE = 'check_violation';
    END IF;
    UPDATE credit_account
        SET balance_minor = balance_minor - p_amount_minor
        WHERE id = p_account_id AND status = 'active' AND currency = p_currency
            AND balance_minor >= p_amount_minor
        RETURNING balance_minor INTO v_balance;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT id INTO STRICT v_contra FROM credit_account
        WHERE level = 'platform' AND currency = p_currency AND purpose = p_purpose;
    INSERT INTO credit_transaction
        (id, kind, reference, idempotency_key, actor, created_at)
        VALUES (p_transaction_id, p_kind, p_reference, p_kind || ':' || p_reference,
            p_actor, p_now);
    INSERT INTO credit_entry (transaction_id, account_id, amount_minor, balance_after_minor)
        VALUES (p_transaction_id, p_account_id, -p_amount_minor, v_balance),
            (p_transaction_id, v_contra, p_amount_minor, NULL);
    RETURN v_balance;
END
$$;
