"""Tools as plans hold them."""
