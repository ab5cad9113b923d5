"""The schema of a database: what opening it does, deployment, and interrupted migrations."""
