"""The screens, one a file with its style beside it. Each asks the gateway, and draws what the messages bring."""
