//! The state hash: what shows that two histories came to the same end, wherever their contexts lived.
//!
//! It is over the business state, said as lines by each context, and by nothing else: not over positions, times, or
//! what is under way between contexts. Each context has a hash of its own, since in a cluster each lives in a node of its
//! own; the hash of the whole follows from the four.

use sha2::{Digest, Sha256};
use std::fmt::{self, Write};
use vocabulary::{Facts, Listener};

use crate::State;
use crate::blocks::Blocks;
use crate::message::{Context, Hosts};

/// SHA-256 over the lines that one context, or all of them, say of their business state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StateHash(pub [u8; 32]);

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StateHash {
    /// That of the whole, from those of the contexts in the order of [`Context::ALL`].
    #[must_use]
    pub fn of_all(contexts: &[(Context, Self)]) -> Self {
        let mut lines = Lines::default();
        contexts.iter().for_each(|(context, hash)| lines.add(format_args!("{context} {hash}")));
        lines.hash()
    }
}

impl State {
    /// What a context knows, line by line. Costs a walk over all of its state.
    pub fn tell(&self, context: Context, listener: &mut Listener<'_>) {
        match context {
            Context::Trading => {
                self.trading.tell(listener);
                self.blocks.tell(listener);
            }
            Context::Settlement => self.settlement.tell(listener),
            Context::Risk => self.risk.tell(listener),
            Context::Compliance => self.compliance.tell(listener),
        }
    }

    /// The hash of a context's business state.
    #[must_use]
    pub fn hash_of(&self, context: Context) -> StateHash {
        let mut lines = Lines::default();
        self.tell(context, &mut |line| lines.add(line));
        lines.hash()
    }

    /// The hashes of the contexts that a node hosts.
    #[must_use]
    pub fn hashes(&self, hosts: Hosts) -> Vec<(Context, StateHash)> {
        let hosted = Context::ALL.into_iter().filter(|context| hosts.has(*context));
        hosted.map(|context| (context, self.hash_of(context))).collect()
    }
}

impl Facts for Blocks {
    /// Those that are not over, oldest first.
    fn tell(&self, listener: &mut Listener<'_>) {
        for (_, block) in self.iter() {
            listener(format_args!("block {:?} {:?}", block.terms, block.stage));
        }
    }
}

/// Hashes lines, each with its end.
#[derive(Default)]
struct Lines(Sha256);

impl Lines {
    fn add(&mut self, line: fmt::Arguments<'_>) {
        self.write_fmt(line).expect("a digest takes every byte");
        self.0.update(b"\n");
    }

    fn hash(self) -> StateHash {
        StateHash(self.0.finalize().into())
    }
}

impl Write for Lines {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}
