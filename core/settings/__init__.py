"""The settings of an installation: one frozen object, read once at the start.

The environment is read here and nowhere else. Knows nothing of what the settings are used for.
"""

from core.settings.database_url import DatabaseUrl
from core.settings.declared import (
    Accounts,
    Approvals,
    Clusters,
    Daemon,
    Database,
    Limits,
    Orgs,
    Reports,
    Retention,
    RunOut,
    Scheduling,
    Security,
    Settings,
    Slack,
)
from core.settings.loading import load
from core.settings.places import check_database_path, find_home, make_home
from core.settings.private_files import Environment, Secret, read_private, write_private

__all__ = [
    "Accounts",
    "Approvals",
    "Clusters",
    "Daemon",
    "Database",
    "DatabaseUrl",
    "Environment",
    "Limits",
    "Orgs",
    "Reports",
    "Retention",
    "RunOut",
    "Scheduling",
    "Secret",
    "Security",
    "Settings",
    "Slack",
    "check_database_path",
    "find_home",
    "load",
    "make_home",
    "read_private",
    "write_private",
]
