//! What happened, step by step, for people: printed as it happens, or the last of it kept for when something goes wrong.

use std::collections::VecDeque;

/// How much of a history is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Nothing: the quick way.
    Nothing,
    /// The last so many steps are kept.
    Last(usize),
    /// Every step is printed to standard output as it happens.
    All,
}

/// A history as it is told.
pub struct Story {
    telling: Telling,
    steps: u64,
    last: VecDeque<String>,
}

impl Story {
    /// Nothing has happened yet.
    pub fn new(telling: Telling) -> Self {
        Self { telling, steps: 0, last: VecDeque::new() }
    }

    /// One more step. Its words are only made if they are wanted.
    #[allow(clippy::print_stdout, reason = "printing is what was asked for")]
    pub(crate) fn tell(&mut self, step: impl FnOnce() -> String) {
        self.steps += 1;
        match self.telling {
            Telling::Nothing => {}
            Telling::All => println!("{:>6} {}", self.steps, step()),
            Telling::Last(kept) => {
                if self.last.len() == kept {
                    self.last.pop_front();
                }
                self.last.push_back(format!("{:>6} {}", self.steps, step()));
            }
        }
    }

    /// The last steps that were kept.
    pub fn last(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }
}
