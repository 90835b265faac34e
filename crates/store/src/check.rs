//! What is proven of a journal before anything is written to it.

use node::journal::{Batch, Chain, JournalError, JournalReader, Tail, verify_chain};

/// How much of the journal is proven when it is opened for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The last batch, its link and the stated end. What recovery then reads it proves itself.
    Tail,
    /// Everything.
    Full,
}

/// The last batch but one, and the last, as far as there are that many.
pub(crate) type LastTwo = (Option<Batch>, Option<Batch>);

impl Check {
    /// Proves so much of what `reader` reads.
    pub(crate) fn prove<R: JournalReader>(
        self,
        reader: &R,
        last_two: impl FnOnce() -> Result<LastTwo, JournalError>,
    ) -> Result<(), JournalError> {
        match self {
            Self::Tail => prove_tail(reader, last_two()?),
            Self::Full => verify_chain(reader, |_| ()).map(drop),
        }
    }
}

fn prove_tail<R: JournalReader>(reader: &R, (before, last): LastTwo) -> Result<(), JournalError> {
    let shard = reader.shard();
    let mut chain = Chain::after(shard, before.map_or(Tail::genesis(shard), |batch| batch.tail()));
    if let Some(last) = last {
        chain.accept(&last)?;
    }
    Ok(chain.ends_at(&reader.tail()?)?)
}
