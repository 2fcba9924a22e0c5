-- An opt-out goes only where its number's digest stays in its place: who has said STOP is not
-- texted, also when nothing else is known of them any more.
CREATE OR REPLACE FUNCTION sms_check_opt_in_removal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.state = 'revoked'
        AND NOT EXISTS (SELECT 1 FROM sms_keptoptout WHERE opt_in_id = OLD.id)
    THEN
        RAISE EXCEPTION 'opt-in % says STOP, which has to be kept', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$;

CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON sms_optin
    FOR EACH ROW EXECUTE FUNCTION sms_check_opt_in_removal();

-- That somebody agreed, how and when stays; who, goes: Note [Emptying].
CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON sms_consentevent
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_all_but_emptying('phone', 'reason');

-- Take a number out of what a client was allowed, and keep its opt-out by the digest.
CREATE OR REPLACE FUNCTION sms_forget_number(
    p_client_id uuid, p_phone text, p_digest bytea, p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF p_phone = '' THEN
        RETURN;
    END IF;
    INSERT INTO sms_keptoptout (client_id, phone_digest, opt_in_id, opted_out_at, kept_at)
    SELECT client_id, p_digest, id, changed_at, p_now FROM sms_optin
    WHERE client_id = p_client_id AND phone = p_phone AND state = 'revoked'
    ON CONFLICT (phone_digest, client_id) DO UPDATE SET opt_in_id = EXCLUDED.opt_in_id,
        opted_out_at = EXCLUDED.opted_out_at, kept_at = EXCLUDED.kept_at;
    DELETE FROM sms_optin WHERE client_id = p_client_id AND phone = p_phone;
    UPDATE sms_consentevent SET phone = '', reason = ''
    WHERE client_id = p_client_id AND phone = p_phone;
END
$$;

-- Which rows a tenant sees: Note [Row-level security].
SELECT credit_show_to_client('sms_keptoptout');
