//! Answers on standard output. A reader that has gone, as with `| head`, is no failure: the rest is not said.

use std::fmt;
use std::io::Write;

/// Prints a line, or drops it when nobody listens any more.
pub(crate) fn say_line(line: fmt::Arguments<'_>) {
    let mut output = std::io::stdout().lock();
    // Standard output that cannot be written to leaves nothing to say it with.
    drop(writeln!(output, "{line}").and_then(|()| output.flush()));
}

/// As `println!`, by [`say_line`].
macro_rules! say {
    ($($line:tt)*) => { $crate::output::say_line(format_args!($($line)*)) };
}

pub(crate) use say;
