//! Sums over trades: positions by party for netting, totals by asset for proof.
//!
//! Invariant: over the positions of an asset, receipts equal deliveries, because each movement of a participant is
//! booked against the central counterparty as well. What that one keeps are the fees.

use crate::obligation::{CompleteTrade, Movement};
use minicbor::{Decode, Encode};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use vocabulary::{Amount, AssetId, ParticipantId};

/// Who holds a net position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Encode, Decode)]
pub enum Party {
    /// A clearing member.
    #[n(0)]
    Participant(#[n(0)] ParticipantId),
    /// Buyer to every seller and seller to every buyer. It keeps the fees.
    #[n(1)]
    CentralCounterparty,
}

/// What moves of one asset. `delivered = received + fees`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub struct Total {
    /// Which.
    #[n(0)]
    pub asset: AssetId,
    /// What participants deliver or pay.
    #[n(1)]
    pub delivered: Amount,
    /// What participants receive.
    #[n(2)]
    pub received: Amount,
    /// What the central counterparty keeps.
    #[n(3)]
    pub fees: Amount,
}

impl Total {
    /// Whether nothing appears and nothing is lost.
    pub fn is_balanced(&self) -> bool {
        self.delivered == self.received + self.fees
    }
}

/// Totals by asset.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Totals(#[n(0)] BTreeMap<AssetId, Total>);

impl Totals {
    pub(crate) fn add(&mut self, trade: &CompleteTrade) {
        for movement in trade.movements() {
            let total = self.at(movement.asset);
            match movement.outgoing() {
                Some(outgoing) => total.delivered += outgoing,
                None => total.received += movement.change,
            }
        }
        for (asset, fee) in trade.fees() {
            self.at(asset).fees += fee;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for Total { asset, delivered, received, fees } in other.0.values() {
            let total = self.at(*asset);
            total.delivered += *delivered;
            total.received += *received;
            total.fees += *fees;
        }
    }

    pub(crate) fn is_balanced(&self) -> bool {
        self.0.values().all(Total::is_balanced)
    }

    pub(crate) fn to_vec(&self) -> Vec<Total> {
        self.0.values().copied().collect()
    }

    fn at(&mut self, asset: AssetId) -> &mut Total {
        let (delivered, received, fees) = Default::default();
        self.0.entry(asset).or_insert(Total { asset, delivered, received, fees })
    }
}

/// What a party receives and delivers of an asset, trade by trade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Position {
    #[n(0)]
    pub(crate) gross_in: Amount,
    #[n(1)]
    pub(crate) gross_out: Amount,
}

impl Position {
    pub(crate) fn net(&self) -> Amount {
        self.gross_in - self.gross_out
    }
}

/// The positions that some trades come to.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Positions(#[n(0)] BTreeMap<(AssetId, Party), Position>);

impl Positions {
    /// What the participant receives after netting; negative: delivers.
    pub(crate) fn net(&self, participant: ParticipantId, asset: AssetId) -> Amount {
        self.0.get(&(asset, Party::Participant(participant))).map(Position::net).unwrap_or_default()
    }

    pub(crate) fn add(&mut self, trade: &CompleteTrade) {
        for (key, incoming, outgoing) in lines(trade) {
            let position = self.0.entry(key).or_default();
            position.gross_in += incoming;
            position.gross_out += outgoing;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (key, Position { gross_in, gross_out }) in &other.0 {
            let position = self.0.entry(*key).or_default();
            position.gross_in += *gross_in;
            position.gross_out += *gross_out;
        }
    }

    /// What each participant delivers, trade by trade.
    pub(crate) fn outgoing(&self) -> impl Iterator<Item = (ParticipantId, AssetId, Amount)> {
        self.0.iter().filter_map(|(key, position)| match key.1 {
            Party::Participant(participant) => Some((participant, key.0, position.gross_out)),
            Party::CentralCounterparty => None,
        })
    }

    /// Takes out a trade that was added before. A position of which nothing is left goes.
    pub(crate) fn remove(&mut self, trade: &CompleteTrade) {
        for (key, incoming, outgoing) in lines(trade) {
            let position = self.0.get_mut(&key).expect("a trade of the run has its positions");
            position.gross_in -= incoming;
            position.gross_out -= outgoing;
            if *position == Position::default() {
                self.0.remove(&key);
            }
        }
    }

    pub(crate) fn after(
        &self,
        key: Option<(AssetId, Party)>,
    ) -> impl Iterator<Item = (AssetId, Party, Position)> {
        let rest = self.0.range((key.map_or(Unbounded, Excluded), Unbounded));
        rest.map(|(key, position)| (key.0, key.1, *position))
    }
}

type Line = ((AssetId, Party), Amount, Amount);

/// What each party receives and delivers in a trade. The central counterparty mirrors every movement.
fn lines(trade: &CompleteTrade) -> impl Iterator<Item = Line> {
    trade.movements().into_iter().flat_map(|Movement { participant, asset, change }| {
        let (incoming, outgoing) = (change.max(Amount::ZERO), (-change).max(Amount::ZERO));
        [
            ((asset, Party::Participant(participant)), incoming, outgoing),
            ((asset, Party::CentralCounterparty), outgoing, incoming),
        ]
    })
}
