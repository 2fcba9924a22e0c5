-- A redemption that has ended holds no card: what it held is back in stock or void, in the same
-- transaction. Checked at commit, when both are written. No redemption is born ended, so the way
-- to a card never comes by here.
CREATE OR REPLACE FUNCTION redemption_check_ended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM giftcards_giftcard c JOIN redemption_redemption r ON r.id = c.holder_id
        WHERE c.holder_kind = 'redemption' AND c.holder_id = NEW.id
            AND c.status IN ('claimed', 'delivered', 'redeemed', 'quarantined')
            AND r.state IN ('failed', 'cancelled'))
    THEN
        RAISE EXCEPTION 'redemption % is %, but still holds a card', NEW.id, NEW.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_ended_holds_no_card';
    END IF;
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS redemption_ended_holds_no_card ON redemption_redemption;
CREATE CONSTRAINT TRIGGER redemption_ended_holds_no_card AFTER UPDATE ON redemption_redemption
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state IN ('failed', 'cancelled')) EXECUTE FUNCTION redemption_check_ended();

-- An exchange is written down in its own transaction: the redemption has the new card, and the
-- old one is void.
CREATE OR REPLACE FUNCTION redemption_check_replacement() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM redemption_redemption r
        JOIN giftcards_giftcard given ON given.id = NEW.new_card_id
        JOIN giftcards_giftcard taken ON taken.id = NEW.old_card_id
        WHERE r.id = NEW.redemption_id AND r.card_id = given.id AND taken.status = 'void'
            AND (taken.holder_kind, taken.holder_id) = ('redemption', r.id)
            AND (taken.brand_id, taken.value_minor, taken.currency)
                = (given.brand_id, given.value_minor, given.currency)
            AND NEW.old_was_disclosed = (taken.disclosed_at IS NOT NULL))
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'card % does not stand for card % of redemption %',
        NEW.new_card_id, NEW.old_card_id, NEW.redemption_id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'redemption_replacement_is_true';
END
$$;

DROP TRIGGER IF EXISTS redemption_replacement_is_true ON redemption_replacement;
CREATE CONSTRAINT TRIGGER redemption_replacement_is_true AFTER INSERT ON redemption_replacement
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION redemption_check_replacement();

SELECT alerts_make_append_only('redemption_replacement');
-- Note [Row-level security]: which card came instead of which is for whoever sees the redemption.
SELECT credit_show_where('redemption_replacement',
    'EXISTS (SELECT 1 FROM redemption_redemption r WHERE r.id = redemption_id)', 'SELECT');
