"""Questions that span tables: what the doctor checks, what screens list, what the plan sees."""
