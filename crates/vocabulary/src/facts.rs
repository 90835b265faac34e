//! What a context says of its business state, line by line, for people and for comparison.
//!
//! Invariant: the same commands lead to the same lines wherever the contexts live. So a line names no position, no
//! time, no correlation, and nothing that is still under way between contexts; orders and trades are named by the order
//! in which they came.

use std::fmt;

/// Who hears the lines, one at a time and without their ends.
pub type Listener<'a> = dyn FnMut(fmt::Arguments<'_>) + 'a;

/// A context that says what it knows.
pub trait Facts {
    /// Says it, in an order that follows from the facts alone.
    fn tell(&self, listener: &mut Listener<'_>);
}
