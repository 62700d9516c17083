"""The tables, by subject. Nothing outside core.store imports this room."""
