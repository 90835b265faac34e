//! Which threads stand back behind orders.

use rustix::process::setpriority_process;

/// How much nicer such a thread is to others than an order's (see `nice(2)`).
const NICENESS: i32 = 10;

/// Lets the calling thread, named `who`, have the processors only as far as orders leave them.
pub fn stand_back(who: &str) {
    if let Err(error) = setpriority_process(None, NICENESS) {
        tracing::warn!(who, %error, "the system does not let it stand back behind orders");
    }
}
