"""The command line: renders the table of verbs for a shell and for programs. Draws nothing and decides nothing."""
