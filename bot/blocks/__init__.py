"""Views as Block Kit: pure functions, a message or a view each, within Slack's limits by the way they are made."""
