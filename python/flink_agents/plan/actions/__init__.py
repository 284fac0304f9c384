"""Actions that every plan has."""
