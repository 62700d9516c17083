"""Money as double entry, pure: builders make postings, folds make balances, the meter turns running time into amounts.

Knows no store, clock or id maker: instants, keys and what is already posted are arguments. README.md tells one
deployment from hold to refund.
"""
