-- Who was forgotten stays forgotten: nothing is ever written to their row again, and their code,
-- of which only the digest is left, is given to nobody else.
CREATE OR REPLACE FUNCTION redemption_check_forgotten() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'recipient % was erased', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_recipient_stays_erased';
END
$$;

CREATE OR REPLACE TRIGGER redemption_recipient_stays_erased
    BEFORE UPDATE ON redemption_recipient
    FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL) EXECUTE FUNCTION redemption_check_forgotten();

-- That a card was exchanged stays; why, may name a person: Note [Emptying].
CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON redemption_replacement
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_all_but_emptying('reason');
CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON giftcards_cardevent
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_all_but_emptying('reason');

-- What is kept of people by tables that the server may not write to: the reasons of exchanges
-- that hold one of the marks, and tries at their codes that no limit is counted from any more.
CREATE OR REPLACE FUNCTION redemption_forget_facts(
    p_redemption_ids uuid[], p_code_digests bytea[], p_marks text[],
    OUT reasons integer, OUT attempts integer
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE giftcards_cardevent SET reason = ''
    WHERE reason <> '' AND card_id IN (
            SELECT card_id FROM redemption_redemption WHERE id = ANY (p_redemption_ids)
            UNION SELECT old_card_id FROM redemption_replacement
                WHERE redemption_id = ANY (p_redemption_ids)
            UNION SELECT new_card_id FROM redemption_replacement
                WHERE redemption_id = ANY (p_redemption_ids))
        AND EXISTS (SELECT 1 FROM unnest(p_marks) AS mark
            WHERE mark <> '' AND strpos(lower(reason), lower(mark)) > 0);
    UPDATE redemption_replacement SET reason = ''
    WHERE redemption_id = ANY (p_redemption_ids) AND reason <> ''
        AND EXISTS (SELECT 1 FROM unnest(p_marks) AS mark
            WHERE mark <> '' AND strpos(lower(reason), lower(mark)) > 0);
    GET DIAGNOSTICS reasons = ROW_COUNT;
    DELETE FROM redemption_attemptlog
    WHERE code_digest = ANY (p_code_digests) AND at < now() - interval '25 hours';
    GET DIAGNOSTICS attempts = ROW_COUNT;
END
$$;

-- That somebody was forgotten, why and by whom is not taken back.
CREATE OR REPLACE FUNCTION redemption_check_erasure_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.recipient_ids, NEW.reason, NEW.requested_by, NEW.requested_at)
            IS DISTINCT FROM
            (OLD.id, OLD.recipient_ids, OLD.reason, OLD.requested_by, OLD.requested_at)
        OR OLD.erased_at IS NOT NULL AND (NEW.erased_at, NEW.counts)
            IS DISTINCT FROM (OLD.erased_at, OLD.counts)
        OR OLD.erased_at IS NOT NULL AND NOT NEW.provider_ids <@ OLD.provider_ids
    THEN
        RAISE EXCEPTION 'erasure % stays as it was asked for, and what is done is done', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_erasure_stays';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER redemption_erasure_stays BEFORE UPDATE ON redemption_erasure
    FOR EACH ROW EXECUTE FUNCTION redemption_check_erasure_change();
CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON redemption_erasure
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON redemption_erasure
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();

-- It is the platform's alone: Note [Row-level security].
SELECT credit_show_where('redemption_erasure', 'false');
