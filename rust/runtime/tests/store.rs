//! The stores in memory and in a file: the contract of all stores, and what is particular to these.
#![allow(clippy::unwrap_used)]

#[macro_use]
mod store_contract;
mod store_memory;
mod store_sqlite;
mod store_tool;

contract!(memory, super::store_memory::Memory);
contract!(memory_that_ignores_zombies, super::store_memory::Lenient);
contract!(sqlite, super::store_sqlite::File);
