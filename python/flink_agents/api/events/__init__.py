"""Events: what actions receive and send."""
