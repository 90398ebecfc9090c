//! Fifty identifiers planted among a hospital's patients, looked for in everything that leaves it and
//! in everything that anybody logs.

mod federated;
mod observed;
mod planted;
mod search;
