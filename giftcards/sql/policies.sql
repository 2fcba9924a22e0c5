-- Which rows a tenant sees: Note [Row-level security]. A pool without a client is the
-- platform's, and so are its cards until they are somebody's.
SELECT credit_show_to_client('giftcards_pool');
SELECT credit_show_to_client('giftcards_giftcard');
SELECT credit_show_where('giftcards_cardbatch',
    'EXISTS (SELECT 1 FROM giftcards_pool p WHERE p.id = pool_id)');
SELECT credit_show_where('giftcards_cardevent',
    'EXISTS (SELECT 1 FROM giftcards_giftcard c WHERE c.id = card_id)', 'SELECT');

-- What an agency offers and for how much is its own to set, and its clients' to know.
SELECT credit_show_where('giftcards_agencybrand',
    'agency_id = ANY ((SELECT credit_scope_organisations())::uuid[])');
SELECT credit_show_where('giftcards_agencyprice',
    'agency_id = ANY ((SELECT credit_scope_organisations())::uuid[])');
DROP POLICY IF EXISTS client ON giftcards_agencybrand;
CREATE POLICY client ON giftcards_agencybrand FOR SELECT
    USING (agency_id = ANY ((SELECT credit_known_agencies())::uuid[]));
DROP POLICY IF EXISTS client ON giftcards_agencyprice;
CREATE POLICY client ON giftcards_agencyprice FOR SELECT
    USING (agency_id = ANY ((SELECT credit_known_agencies())::uuid[]));
SELECT credit_show_to_client('giftcards_clientbrand');
SELECT credit_show_to_client('giftcards_clientdenomination');
