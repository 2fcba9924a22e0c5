-- Note [Canary]
-- A canary is a card that is worth nothing and that nobody is ever given: whoever tries its code
-- has it from a place where codes should not be read. It is `held_back` from its first moment on,
-- and then void; giftcards_card_transition lets it go nowhere else, and lets no card in stock
-- become one. What claims, sells, exports and counts asks for `available` cards.
CREATE OR REPLACE TRIGGER giftcards_card_begins BEFORE INSERT ON giftcards_giftcard
    FOR EACH ROW WHEN (NEW.status NOT IN ('available', 'claimed', 'held_back'))
    EXECUTE FUNCTION giftcards_check_card_entry();
