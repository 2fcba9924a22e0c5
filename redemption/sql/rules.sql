-- What a campaign asks for besides a code, and how much it gives out: called by redemption_redeem
-- for those campaigns alone that have such a rule.

-- Refuse whoever has not shown the second factor: GC009, which names what is asked for, and says
-- whether we could have compared it at all. What is on file never leaves by this way.
CREATE OR REPLACE FUNCTION redemption_refuse_unproven(
    p_recipient_id uuid,
    p_second_factor text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_is_on_file boolean;
BEGIN
    SELECT CASE p_second_factor WHEN 'last_name' THEN last_name WHEN 'postal_code' THEN postal_code
            ELSE phone END <> ''
        INTO v_is_on_file
        FROM redemption_recipient WHERE id = p_recipient_id;
    RAISE EXCEPTION 'recipient % has not shown their %', p_recipient_id, p_second_factor
        USING ERRCODE = 'GC009', DETAIL = jsonb_build_object(
            'second_factor', p_second_factor, 'is_on_file', v_is_on_file)::text;
END
$$;

-- Note [Caps]
-- A cap per day limits how many rewards are claimed on one day of UTC, whatever they then wait
-- for: who was let in is served later without being counted again, so that a queue never runs
-- into the cap of another day. What fails is given back to its day; what is cancelled is not,
-- since its code stays used. Tests count for nothing.
-- The day's row of the campaign is the count. It is taken last of all, after the account: one
-- guarded statement is the check and the lock, so of two who want the last place the second
-- matches no row. Nobody holds it for longer than a commit takes. A look without a lock comes
-- first, so that a reached cap claims no card only to give it back.
-- A cap per recipient needs no count: the recipient's row is locked.
CREATE OR REPLACE FUNCTION redemption_check_caps(
    p_campaign_id uuid,
    p_recipient_id uuid,
    p_cap_per_day integer,
    p_cap_per_recipient integer,
    p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF p_cap_per_recipient <= (
        SELECT count(*) FROM redemption_redemption r
        WHERE r.recipient_id = p_recipient_id AND r.state <> 'failed' AND NOT r.is_test)
    THEN
        RAISE EXCEPTION 'recipient % has had their rewards', p_recipient_id
            USING ERRCODE = 'GC105', DETAIL = jsonb_build_object('cap', 'recipient')::text;
    END IF;
    IF p_cap_per_day <= (
        SELECT d.claims FROM redemption_dailyclaims d
        WHERE d.campaign_id = p_campaign_id AND d.day = (p_now AT TIME ZONE 'UTC')::date)
    THEN
        PERFORM redemption_refuse_day(p_campaign_id);
    END IF;
END
$$;

-- Count a claim that has just been written. The day's first counts those who came before it, on
-- a day on which the campaign was given its cap.
CREATE OR REPLACE FUNCTION redemption_count_claim(
    p_campaign_id uuid,
    p_cap_per_day integer,
    p_now timestamptz
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_day constant date := (p_now AT TIME ZONE 'UTC')::date;
    v_claims integer;
BEGIN
    UPDATE redemption_dailyclaims SET claims = claims + 1
        WHERE campaign_id = p_campaign_id AND day = v_day AND claims < p_cap_per_day
        RETURNING claims INTO v_claims;
    IF FOUND THEN
        RETURN;
    END IF;
    INSERT INTO redemption_dailyclaims (campaign_id, day, claims)
    SELECT p_campaign_id, v_day, count(*) FROM redemption_redemption r
        WHERE r.campaign_id = p_campaign_id AND NOT r.is_test AND r.state <> 'failed'
            AND r.created_at >= v_day::timestamp AT TIME ZONE 'UTC'
            AND r.created_at < (v_day + 1)::timestamp AT TIME ZONE 'UTC'
    ON CONFLICT (campaign_id, day) DO UPDATE
        SET claims = redemption_dailyclaims.claims + 1
        WHERE redemption_dailyclaims.claims < p_cap_per_day
    RETURNING claims INTO v_claims;
    IF v_claims IS NULL OR v_claims > p_cap_per_day THEN
        PERFORM redemption_refuse_day(p_campaign_id);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION redemption_refuse_day(p_campaign_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'campaign % has given out what it gives out in a day', p_campaign_id
        USING ERRCODE = 'GC105', DETAIL = jsonb_build_object('cap', 'day')::text;
END
$$;

-- At commit, so that the day's row comes after the account here too.
CREATE OR REPLACE FUNCTION redemption_give_claim_back() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE redemption_dailyclaims SET claims = claims - 1
        WHERE campaign_id = NEW.campaign_id AND claims > 0
            AND day = (NEW.created_at AT TIME ZONE 'UTC')::date;
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS redemption_claim_given_back ON redemption_redemption;
CREATE CONSTRAINT TRIGGER redemption_claim_given_back AFTER UPDATE ON redemption_redemption
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state = 'failed' AND OLD.state <> 'failed' AND NOT NEW.is_test)
    EXECUTE FUNCTION redemption_give_claim_back();

-- A cap that is set again on the same day counts that day anew.
CREATE OR REPLACE FUNCTION redemption_forget_claims() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM redemption_dailyclaims WHERE campaign_id = NEW.id;
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS redemption_cap_taken_away ON redemption_campaign;
CREATE TRIGGER redemption_cap_taken_away AFTER UPDATE OF cap_per_day ON redemption_campaign
    FOR EACH ROW WHEN (OLD.cap_per_day IS NOT NULL AND NEW.cap_per_day IS NULL)
    EXECUTE FUNCTION redemption_forget_claims();

-- Codes stay good, so the weakest of them stays the measure: it only ever falls.
CREATE OR REPLACE FUNCTION redemption_keep_weakest_code() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'campaign % has codes of % bits', NEW.id, OLD.imported_code_bits
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_weakest_code_stays';
END
$$;

DROP TRIGGER IF EXISTS redemption_weakest_code_stays ON redemption_campaign;
CREATE TRIGGER redemption_weakest_code_stays
    BEFORE UPDATE OF imported_code_bits ON redemption_campaign FOR EACH ROW
    WHEN (OLD.imported_code_bits IS NOT NULL
        AND (NEW.imported_code_bits IS NULL OR NEW.imported_code_bits > OLD.imported_code_bits))
    EXECUTE FUNCTION redemption_keep_weakest_code();

-- A card whose link has left our hands goes back to stock only when that link is dead: what it
-- leads to will be somebody else's. Checked at commit, when both are written.
CREATE OR REPLACE FUNCTION redemption_check_link_is_dead() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM redemption_reveallink
        WHERE redemption_id = OLD.holder_id AND revoked_at IS NULL)
    THEN
        RAISE EXCEPTION 'card % is in stock again, but a link still leads to it', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_returned_link_is_dead';
    END IF;
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS redemption_returned_link_is_dead ON giftcards_giftcard;
CREATE CONSTRAINT TRIGGER redemption_returned_link_is_dead AFTER UPDATE ON giftcards_giftcard
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.holder_kind = 'redemption' AND OLD.status = 'delivered'
        AND NEW.status = 'available')
    EXECUTE FUNCTION redemption_check_link_is_dead();

-- A campaign's test mode begins before anybody has claimed in earnest, and ends when no code that
-- is meant in earnest is used up by a test.
CREATE OR REPLACE FUNCTION redemption_check_test_mode() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM redemption_redemption r JOIN redemption_recipient p ON p.id = r.recipient_id
        WHERE r.campaign_id = NEW.id AND r.state NOT IN ('failed', 'cancelled')
            AND r.is_test <> NEW.test_mode AND NOT p.is_test)
    THEN
        RAISE EXCEPTION 'campaign % has rewards % its tests', NEW.id,
            CASE WHEN NEW.test_mode THEN 'besides' ELSE 'of' END
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_tests_are_apart';
    END IF;
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS redemption_tests_are_apart ON redemption_campaign;
CREATE TRIGGER redemption_tests_are_apart BEFORE UPDATE OF test_mode ON redemption_campaign
    FOR EACH ROW WHEN (OLD.test_mode <> NEW.test_mode)
    EXECUTE FUNCTION redemption_check_test_mode();

SELECT credit_show_where('redemption_dailyclaims',
    'EXISTS (SELECT 1 FROM redemption_campaign c WHERE c.id = campaign_id)', 'SELECT');
