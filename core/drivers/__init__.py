"""The drivers: adapters from the port in core/domain/engines.py to real and simulated engines, one package each.

They know their engine and nothing of the store, the scheduler or the faces. This module imports none of them.
"""
