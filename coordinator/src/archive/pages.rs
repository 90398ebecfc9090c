//! Rows in messages of bounded size.

use std::ops::ControlFlow;

use base::codec::encode;
use node::wire::{PAGE, PAGE_BYTES};
use serde::Serialize;

/// Sends rows in pages that each are a message; breaks off where `send` does.
pub(super) fn pages<T: Serialize>(
    rows: impl Iterator<Item = T>,
    mut send: impl FnMut(Vec<T>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut page = Vec::new();
    let mut size = 0;
    for row in rows {
        let bytes = encode(&row).len();
        if page.len() == PAGE || (!page.is_empty() && size + bytes > PAGE_BYTES) {
            send(std::mem::take(&mut page))?;
            size = 0;
        }
        size += bytes;
        page.push(row);
    }
    if page.is_empty() { ControlFlow::Continue(()) } else { send(page) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_bounded_in_rows_and_in_bytes_and_lose_nothing() {
        let sizes = |rows: Vec<String>| {
            let mut sizes = Vec::new();
            let sent = pages(rows.into_iter(), |page| {
                sizes.push(page.len());
                ControlFlow::Continue(())
            });
            assert!(sent.is_continue());
            sizes
        };
        assert_eq!(sizes(vec![String::new(); 2 * PAGE + 1]), [PAGE, PAGE, 1]);
        assert_eq!(sizes(vec!["x".repeat(PAGE_BYTES / 3); 4]), [2, 2]);
        assert_eq!(sizes(vec!["x".repeat(2 * PAGE_BYTES); 2]), [1, 1]);
        assert_eq!(sizes(Vec::new()), [0; 0]);
        let mut heard = 0;
        let broken = pages(0..1000, |_| {
            heard += 1;
            ControlFlow::Break(())
        });
        assert!(broken.is_break() && heard == 1);
    }
}
