"""The demonstration: a throw-away installation with people, clusters and a past week, that then lives on.

Everything in it goes through the same services and the same daemon as real work; only the story is made up, and
two of its clusters are simulated. It says so.
"""
