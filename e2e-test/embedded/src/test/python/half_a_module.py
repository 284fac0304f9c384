"""A module whose import fails with a text that is no Unicode."""

raise RuntimeError("half \udc80")
