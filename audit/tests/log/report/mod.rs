//! The report on a run: its figures, its page, the commands that it prints, and a real browser.

mod browser;
mod commands;
mod dom;
mod figures;
mod page;
mod study;
