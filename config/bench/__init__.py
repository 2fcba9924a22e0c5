"""`make bench`: how many redemptions a second, beside what the database alone can do.

Every measurement runs beside its anchor, in turns, on the same server and in the same minutes,
so that ratios hold on a noisy machine where absolute figures do not. The anchor is pgbench with
prepared statements, calling the database function that the measured layer calls.
"""
