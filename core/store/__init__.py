"""The only room that knows SQLModel and SQL: tables, units of work, repositories, migrations, leases."""
