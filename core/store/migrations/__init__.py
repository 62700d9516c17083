"""How the schema came to be, step by step, and how a store is brought up to date when a program starts."""
