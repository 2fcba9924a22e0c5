-- Forgetting a customer: what says who they were goes, what was bought and paid stays.
--
-- Their points stay too, as the last transaction left them: nothing is paid out, and nobody can
-- take any, since the account is closed for good. So each transaction still begins where the one
-- before ended, and a refund of an old order can still give money and points back.

-- Who was forgotten stays forgotten; the table's own constraints see to it that such a row says
-- nobody's name and holds no points.
CREATE OR REPLACE FUNCTION loyalty_check_forgotten() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'customer % was forgotten', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'loyalty_customer_stays_forgotten';
END
$$;

CREATE OR REPLACE TRIGGER loyalty_customer_stays_forgotten BEFORE UPDATE ON loyalty_customer
    FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL AND NEW.erased_at IS DISTINCT FROM OLD.erased_at)
    EXECUTE FUNCTION loyalty_check_forgotten();

-- Take a customer out of all that loyalty keeps. Words that people wrote go where they hold one of
-- the marks, in any case; the links to their cards are dead from then on. Whoever calls this has
-- made sure that nothing is under way, under the lock of the customer's row.
CREATE OR REPLACE FUNCTION loyalty_forget_customer(
    p_customer_id uuid, p_marks text[], p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    PERFORM 1 FROM loyalty_customer WHERE id = p_customer_id FOR NO KEY UPDATE;
    UPDATE loyalty_loyaltytransaction SET description = ''
        WHERE customer_id = p_customer_id AND loyalty_names(description, p_marks);
    UPDATE loyalty_refund r SET reason = ''
        FROM loyalty_checkout c
        WHERE c.id = r.checkout_id AND c.customer_id = p_customer_id
            AND loyalty_names(r.reason, p_marks);
    UPDATE loyalty_reconciliationitem SET resolution_note = ''
        WHERE customer_id = p_customer_id AND loyalty_names(resolution_note, p_marks);
    UPDATE giftcards_cardevent SET reason = ''
        WHERE card_id IN (SELECT card_id FROM loyalty_reward WHERE customer_id = p_customer_id)
            AND loyalty_names(reason, p_marks);
    UPDATE loyalty_reward SET contact_to = '', reveal_until = least(reveal_until, p_now)
        WHERE customer_id = p_customer_id;
    UPDATE loyalty_customer SET first_name = '', last_name = '', phone = '', email = '',
            is_active = false, erased_at = p_now
        WHERE id = p_customer_id AND erased_at IS NULL;
END
$$;

-- Tell whether words hold one of the marks.
CREATE OR REPLACE FUNCTION loyalty_names(p_words text, p_marks text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT EXISTS (SELECT 1 FROM unnest(p_marks) AS mark
        WHERE mark <> '' AND strpos(lower(p_words), lower(mark)) > 0)
$$;

-- That somebody was forgotten, why and by whom is not taken back; only what the provider of texts
-- still has grows less.
CREATE OR REPLACE FUNCTION loyalty_check_erasure() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_moving constant text[] := '{provider_ids,next_attempt_at}';
BEGIN
    IF to_jsonb(NEW) - v_moving = to_jsonb(OLD) - v_moving
        AND NEW.provider_ids <@ OLD.provider_ids
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'erasure % stays as it was done', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'loyalty_erasure_stays';
END
$$;

CREATE OR REPLACE TRIGGER loyalty_erasure_stays BEFORE UPDATE ON loyalty_customererasure
    FOR EACH ROW EXECUTE FUNCTION loyalty_check_erasure();
CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON loyalty_customererasure
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON loyalty_customererasure
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();

-- It is the platform's alone: Note [Row-level security].
SELECT credit_show_where('loyalty_customererasure', 'false');
