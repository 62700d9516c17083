"""The verbs of Bursar as one table of data, and what every face needs to render it: reading, usage, reference."""
