"""The way of the database from empty to the newest version. See `migrations.env` for how it is walked."""
