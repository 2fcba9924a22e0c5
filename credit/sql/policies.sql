-- Which rows a tenant sees: Note [Row-level security]. Not here: people, their roles, keys and
-- sessions (asked before anybody knows who is looking).
SELECT credit_show_where('credit_agency', 'id = ANY ((SELECT credit_known_agencies())::uuid[])',
    'SELECT');
SELECT credit_show_where('credit_client', 'id = ANY ((SELECT credit_scope_organisations())::uuid[])
    OR agency_id = ANY ((SELECT credit_scope_organisations())::uuid[])');
SELECT credit_show_where('credit_account',
    'client_id = ANY ((SELECT credit_scope_clients())::uuid[])
    OR client_id IS NULL AND agency_id = ANY ((SELECT credit_scope_organisations())::uuid[])');
-- What happened on an account is seen by who sees the account.
SELECT credit_show_where('credit_entry',
    'EXISTS (SELECT 1 FROM credit_account a WHERE a.id = account_id)', 'SELECT');
SELECT credit_show_where('credit_transaction', 'EXISTS (
    SELECT 1 FROM credit_entry e WHERE e.transaction_id = credit_transaction.id)', 'SELECT');
SELECT credit_show_where('credit_accountslot',
    'EXISTS (SELECT 1 FROM credit_account a WHERE a.id = account_id)', 'SELECT');
SELECT credit_show_where('credit_auditevent',
    'client_id = ANY ((SELECT credit_scope_clients())::uuid[])
    OR client_id IS NULL AND agency_id = ANY ((SELECT credit_scope_organisations())::uuid[])',
    'SELECT');
-- Asked for by the service alone, by an owner and key that it knows.
SELECT credit_show_where('credit_idempotencyrecord', 'false', 'SELECT');
-- Of the floor below, which knows clients by their plain id only.
SELECT credit_show_to_client('alerts_alert');
