"""Connections to the database: transactions with retries, forks, and streams."""
