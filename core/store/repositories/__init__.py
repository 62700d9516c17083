"""Rows in, domain values out: one file per subject. Tenant rows only through a Scope."""
