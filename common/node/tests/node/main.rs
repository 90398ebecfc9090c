//! What both kinds of node do alike, from the outside.

mod artifact;
mod audit_log;
mod border;
