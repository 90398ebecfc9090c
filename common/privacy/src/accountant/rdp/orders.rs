//! The public list of Rényi orders.

/// Number of orders from 1.1 to 10.9 in steps of 0.1.
const TENTHS: usize = 99;
/// Number of orders from 11 to 64 in steps of 1.
const UNITS: usize = 54;
/// Orders for little noise, where every finite ε needs an order close to 1.
const SMALL: [f64; 3] = [1.01, 1.025, 1.05];
/// Orders for very small ε or δ.
const LARGE: [f64; 8] = [80.0, 96.0, 128.0, 192.0, 256.0, 384.0, 512.0, 1024.0];

/// The Rényi orders α at which every [`RdpVector`](super::RdpVector) is kept, ascending.
///
/// The list is public and constant: choosing orders by looking at data, or after it, would itself
/// leak. Changing it makes stored vectors unreadable, so it is part of the ledger's format.
pub const ORDERS: [f64; SMALL.len() + TENTHS + UNITS + LARGE.len()] = orders();

#[allow(clippy::cast_precision_loss, reason = "indices below 200 are exact in f64")]
const fn orders() -> [f64; SMALL.len() + TENTHS + UNITS + LARGE.len()] {
    let mut list = [0.0; SMALL.len() + TENTHS + UNITS + LARGE.len()];
    let mut at = 0;
    while at < list.len() {
        list[at] = if at < SMALL.len() {
            SMALL[at]
        } else if at < SMALL.len() + TENTHS {
            // Division, unlike repeated addition, makes 2.0, 3.0, … exact integers.
            (11 + at - SMALL.len()) as f64 / 10.0
        } else if at < SMALL.len() + TENTHS + UNITS {
            (11 + at - SMALL.len() - TENTHS) as f64
        } else {
            LARGE[at - SMALL.len() - TENTHS - UNITS]
        };
        at += 1;
    }
    list
}
