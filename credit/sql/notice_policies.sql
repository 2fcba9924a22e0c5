-- The platform's own: where its people are told, and what they were told of any client's trouble.
SELECT credit_show_where('alerts_noticeroute', 'false', 'SELECT');
SELECT credit_show_where('alerts_notice', 'false', 'SELECT');
