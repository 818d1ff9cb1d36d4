"""Small networks on plain tables."""
