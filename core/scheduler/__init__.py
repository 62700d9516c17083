"""The scheduler decides and does nothing: `plan(board, policy, now)` over values, no store, clock or engine.

Build a `Board` from frozen values (`values.py`), keep it by its feed methods (`add_waiting`, `started`, `ended`,
`node_changed`, `pin` ...), ask `plan` (`cycle.py`), apply what the `Plan` (`decisions.py`) says, feed back what
came of it. See README.md.
"""
