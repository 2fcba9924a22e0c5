-- Which rows a tenant sees, of the floor below: Note [Row-level security]. An agency sees its own
-- and its clients' endpoints; a client not its agency's.
SELECT credit_show_where('alerts_webhookendpoint',
    'client_id = ANY ((SELECT credit_scope_clients())::uuid[])
    OR agency_id = ANY ((SELECT credit_scope_organisations())::uuid[])');
SELECT credit_show_where('alerts_webhookdelivery',
    'EXISTS (SELECT 1 FROM alerts_webhookendpoint e WHERE e.id = endpoint_id)');
-- What somebody was told last is the platform's to know.
SELECT credit_show_where('alerts_webhooklevel', 'false', 'SELECT');
