-- What a card's life may be is in card_change.sql.
CREATE TRIGGER giftcards_card_transition BEFORE UPDATE ON giftcards_giftcard
    FOR EACH ROW EXECUTE FUNCTION giftcards_check_card_change();

CREATE OR REPLACE FUNCTION giftcards_check_card_entry() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'a card begins as available, or claimed by what it was bought for'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RAISE EXCEPTION 'card % was handed out and can not be deleted', OLD.id
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER giftcards_card_begins BEFORE INSERT ON giftcards_giftcard
    FOR EACH ROW WHEN (NEW.status NOT IN ('available', 'claimed'))
    EXECUTE FUNCTION giftcards_check_card_entry();

-- An unused upload can be undone, so rows that nobody has touched may go.
CREATE TRIGGER giftcards_card_stays BEFORE DELETE ON giftcards_giftcard
    FOR EACH ROW WHEN (OLD.status <> 'available' OR OLD.disclosed_at IS NOT NULL)
    EXECUTE FUNCTION giftcards_check_card_entry();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON giftcards_giftcard
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();

SELECT alerts_make_append_only('giftcards_cardevent');
