"""Answers: frozen values in the shape of a question. A view exists only where its shape answers one.

Field names say the unit, so that every face renders them alike: `_at` an instant in microseconds, `_ucr`
micro-credits, `_ms` milliseconds (of GPU time or of a limit), `_mib`, `_milli`.
"""
