-- Which rows a tenant sees: Note [Row-level security]. A pool without a client is the
-- platform's, and so are its cards until they are somebody's.
SELECT credit_show_to_client('giftcards_pool');
SELECT credit_show_to_client('giftcards_giftcard');
SELECT credit_show_where('giftcards_cardbatch',
    'EXISTS (SELECT 1 FROM giftcards_pool p WHERE p.id = pool_id)');
SELECT credit_show_where('giftcards_cardevent',
    'EXISTS (SELECT 1 FROM giftcards_giftcard c WHERE c.id = card_id)', 'SELECT');
