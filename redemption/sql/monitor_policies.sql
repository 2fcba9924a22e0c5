-- What the monitors found is of every tenant together: the platform's own.
SELECT credit_show_where('alerts_monitorrun', 'false', 'SELECT');
