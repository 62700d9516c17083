"""The background side: plans, drives the engines, meters. Exactly one leader acts at a time.

Each job is load, act outside any unit, guarded apply: a crash between two of them leaves rows from which the next
leader goes on. Nothing here is called by a face.
"""
