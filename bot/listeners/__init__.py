"""What Slack may deliver, one listener a file. Each is acknowledged at once and works afterwards, in a task of its own.

Bolt loses an acknowledgement when the same listener raises right behind it; so none acknowledges and works in one.
"""
