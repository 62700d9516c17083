"""The face in a terminal: the `bursar` command line now, and the full-screen console on top of the same core."""
