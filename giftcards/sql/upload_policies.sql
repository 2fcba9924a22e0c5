-- Note [Row-level security]: whoever sees an upload sees how far it is.
SELECT credit_show_where('giftcards_uploadjob',
    'EXISTS (SELECT 1 FROM giftcards_cardbatch b WHERE b.id = batch_id)');
