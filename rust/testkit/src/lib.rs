//! Simulated hosts and a naive reference machine, for tests of the core.
