"""Every statement that the library can run, as .sql files, and what reads and runs them."""
