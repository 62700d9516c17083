"""The keeper of real processes: a small program that outlives the daemon. It belongs to the process driver.

For each run it forks a shim, which starts the command in a session of its own, waits for it, carries the grace of a
stop, and writes down how it ended. The shims need neither the keeper nor the daemon once they live. Standard library
only, and nothing of the house: it is forked for every run, so it stays small.
"""
