"""Bursar's core: everything that decides, remembers and acts; the faces only render it."""
