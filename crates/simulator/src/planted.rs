//! The bugs that are planted on purpose, one at a time, in a build with `RUSTFLAGS="--cfg planted"`. The simulator must
//! find each of them; what it takes stands in `docs/testing.md`.

/// A planted bug.
pub struct Bug {
    /// As `planted!` in the code calls it.
    pub name: &'static str,
    /// What goes wrong.
    pub what: &'static str,
}

const fn bug(name: &'static str, what: &'static str) -> Bug {
    Bug { name, what }
}

/// All of them.
pub const BUGS: &[Bug] = &[
    bug("reply-before-durable", "a client is answered when his command is decided, before it is written"),
    bug("fence-unchecked", "a writer that another one has replaced takes its refused write for a good one"),
    bug("guessed-outcome", "a write of unknown outcome counts as written, without reading back"),
    bug(
        "time-goes-back",
        "a record is stamped with the clock's time although the last record has a later one",
    ),
    bug("message-not-repeated", "a message that was not answered is not sent again"),
    bug("message-before-durable", "a message leaves before the record that posted it is written"),
    bug("snapshot-off-by-one", "recovery after a snapshot leaves out the first record"),
    bug("snapshot-unproved", "a snapshot's digest is not compared"),
    bug("chain-unproved", "a batch's hash is not compared"),
    bug("follower-skips", "a follower that caught up from the journal misses a batch"),
    bug("inbox-forgets", "a message that was answered is taken for new when it comes again"),
    bug("key-forgotten", "the answer under an idempotency key is not remembered"),
    bug("later-taken-for-yes", "a participant that says to ask again counts as agreeing"),
    bug("late-yes-accepts", "a flow past its deadline is accepted if nobody said no so far"),
    bug("outbox-not-kept", "messages that wait are not in the snapshot"),
    bug("turn-lost", "an order that waited for an earlier one of its book is forgotten"),
];
