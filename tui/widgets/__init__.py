"""Parts of screens. Each draws what it is given, and says in messages what was done to it; none asks a service."""
