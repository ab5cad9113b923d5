"""Values as they are stored: encoding, checks of arguments, and rows."""
