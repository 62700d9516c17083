"""Bursar's Slack face: renders the core's verbs and views as messages; decides and remembers nothing."""
