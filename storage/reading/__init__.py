"""Reading stored experiments: the data classes, data frames, and Arrow tables."""
