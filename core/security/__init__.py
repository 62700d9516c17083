"""Proof of who somebody is: passwords, signed sessions, tokens, codes, and the slowing down of guesses.

Knows neither store nor face: it is given what is stored and says whether it fits.
"""
