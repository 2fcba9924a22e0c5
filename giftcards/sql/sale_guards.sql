-- Which pool a card lies in, whose it is and by which sale: only the owner's functions may change
-- it, and they take the money in the same breath.
CREATE OR REPLACE FUNCTION giftcards_refuse_card_move() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'card % changes its pool by a sale alone', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'giftcards_card_moves_by_sale';
END
$$;

CREATE OR REPLACE TRIGGER giftcards_card_moves_by_sale BEFORE UPDATE ON giftcards_giftcard
    FOR EACH ROW WHEN ((OLD.pool_id, OLD.client_id, OLD.sale_id)
        IS DISTINCT FROM (NEW.pool_id, NEW.client_id, NEW.sale_id))
    EXECUTE FUNCTION giftcards_refuse_card_move();

-- Nor does a card come as sold into the world, or go out of it while it is.
CREATE OR REPLACE TRIGGER giftcards_card_is_sold_later BEFORE INSERT ON giftcards_giftcard
    FOR EACH ROW WHEN (NEW.sale_id IS NOT NULL) EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER giftcards_card_sold_stays BEFORE DELETE ON giftcards_giftcard
    FOR EACH ROW WHEN (OLD.sale_id IS NOT NULL) EXECUTE FUNCTION alerts_refuse_change();

-- A sale is written once; all that may happen to it is to be reversed, once.
CREATE OR REPLACE FUNCTION giftcards_check_sale_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.reversed_at IS NULL AND to_jsonb(NEW) - '{reversed_at,refund_id}'::text[]
        = to_jsonb(OLD) - '{reversed_at,refund_id}'::text[]
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'sale % can only be reversed, and once', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'giftcards_cardsale_is_reversed_once';
END
$$;

CREATE OR REPLACE TRIGGER giftcards_cardsale_is_reversed_once BEFORE UPDATE ON giftcards_cardsale
    FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION giftcards_check_sale_change();
CREATE OR REPLACE TRIGGER refuse_removal BEFORE DELETE ON giftcards_cardsale
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON giftcards_cardsale
    FOR EACH STATEMENT EXECUTE FUNCTION alerts_refuse_change();

-- Note [Row-level security]: a client and its agency read what was bought.
SELECT credit_show_where('giftcards_cardsale',
    'client_id = ANY ((SELECT credit_scope_clients())::uuid[])', 'SELECT');
