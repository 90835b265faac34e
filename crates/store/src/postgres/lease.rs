//! Who leads a shard: a row that is held for a while, and held on to by renewing it. It is the registry too, since it says
//! where the leader is.
//!
//! Invariant: the server's clock alone says when a lease is over, and each new holder's epoch is higher than the last one's.
//! A lease makes sure that somebody leads, and soon; that nobody else writes is the journal's business, whatever the
//! lease says.

use super::connection::{Database, Session, Unusable};
use std::time::{Duration, Instant};

/// What holds a shard's lease, or would like to.
pub struct Lease {
    session: Session,
    shard: u16,
    holder: String,
    address: String,
    duration: Duration,
    epoch: Option<i64>,
}

/// A lease that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Counts the holders.
    pub epoch: u64,
    /// Until when it is held for sure, whatever becomes of the server.
    pub until: Instant,
}

/// Who leads a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// Who it is: its own name for itself, never the same for two processes.
    pub holder: String,
    /// Where it is.
    pub address: String,
    /// Counts the holders.
    pub epoch: u64,
    /// Whether the lease is still good.
    pub is_current: bool,
}

impl Lease {
    /// Connects. `holder` is a name that no other process has, `address` where others find this one, and `duration` how
    /// long the lease is good after each renewal.
    ///
    /// # Errors
    /// When the database cannot be reached or is not migrated.
    pub fn new(
        database: &Database,
        shard: u16,
        holder: &str,
        address: &str,
        duration: Duration,
    ) -> Result<Self, Unusable> {
        let session = Session::open(database)?;
        let (holder, address) = (holder.to_owned(), address.to_owned());
        Ok(Self { session, shard, holder, address, duration, epoch: None })
    }

    /// Takes the lease if nobody has it.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn take(&mut self) -> Result<Option<Held>, Unusable> {
        let until = Instant::now() + self.duration;
        let (shard, duration) = (i32::from(self.shard), milliseconds(self.duration));
        let (holder, address) = (self.holder.clone(), self.address.clone());
        let taken = self.session.on(|connection| {
            connection.client().query_opt(
                "INSERT INTO lease AS held (shard, epoch, holder, address, until)
                 VALUES ($1, 1, $2, $3, clock_timestamp() + $4::bigint * interval '1 millisecond')
                 ON CONFLICT (shard) DO UPDATE SET epoch = held.epoch + 1, holder = excluded.holder,
                     address = excluded.address, until = clock_timestamp() + $4::bigint * interval '1 millisecond'
                 WHERE held.until < clock_timestamp()
                 RETURNING epoch",
                &[&shard, &holder, &address, &duration],
            )
        })?;
        self.epoch = taken.map(|row| row.get(0));
        Ok(self.epoch.map(|epoch| Held { epoch: counted(epoch), until }))
    }

    /// Holds on to it; none if another has taken it since, or it was not held.
    ///
    /// # Errors
    /// When the database cannot be reached: the lease is good until its end all the same.
    pub fn renew(&mut self) -> Result<Option<Held>, Unusable> {
        let Some(epoch) = self.epoch else { return Ok(None) };
        let until = Instant::now() + self.duration;
        let (shard, duration) = (i32::from(self.shard), milliseconds(self.duration));
        let holder = self.holder.clone();
        let renewed = self.session.on(|connection| {
            connection.client().execute(
                "UPDATE lease SET until = clock_timestamp() + $4::bigint * interval '1 millisecond'
                 WHERE shard = $1 AND epoch = $2 AND holder = $3",
                &[&shard, &epoch, &holder, &duration],
            )
        })?;
        if renewed == 0 {
            self.epoch = None;
        }
        Ok(self.epoch.map(|epoch| Held { epoch: counted(epoch), until }))
    }

    /// Gives it back, so that the next one need not wait for its end.
    ///
    /// # Errors
    /// When the database cannot be reached: it then ends by itself.
    pub fn give_back(&mut self) -> Result<(), Unusable> {
        let Some(epoch) = self.epoch.take() else { return Ok(()) };
        let (shard, holder) = (i32::from(self.shard), self.holder.clone());
        self.session.on(|connection| {
            connection.client().execute(
                "UPDATE lease SET until = clock_timestamp() WHERE shard = $1 AND epoch = $2 AND holder = $3",
                &[&shard, &epoch, &holder],
            )
        })?;
        Ok(())
    }

    /// Who has it, or had it last.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn leader(&mut self) -> Result<Option<Leader>, Unusable> {
        let shard = i32::from(self.shard);
        let row = self.session.on(|connection| {
            connection.client().query_opt(
                "SELECT holder, address, epoch, until >= clock_timestamp() FROM lease WHERE shard = $1",
                &[&shard],
            )
        })?;
        Ok(row.map(|row| Leader {
            holder: row.get(0),
            address: row.get(1),
            epoch: counted(row.get(2)),
            is_current: row.get(3),
        }))
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn counted(epoch: i64) -> u64 {
    u64::try_from(epoch).expect("holders are counted from 1")
}
