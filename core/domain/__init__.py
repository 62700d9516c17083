"""The ground: nouns, tables and arithmetic. Pure; knows neither store, clock, engine nor face."""
