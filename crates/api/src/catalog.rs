//! The facts about instruments, assets and accounts that every request needs and that never change once they are:
//! scales, so that decimal text can be read, and owners, so that everybody gets at his own.
//!
//! Invariant: only what the node has said is remembered, and only what cannot change; what is not known is asked for
//! each time. So there is nothing to invalidate.

use crate::problem::{Problem, kinds};
use crate::remembered::Remembered;
use node::NodeHandle;
use vocabulary::{AccountId, AssetId, InstrumentId, MarketId, ParticipantId, UserId};

const INSTRUMENTS_MAX: usize = 65_536;
const ASSETS_MAX: usize = 65_536;
const ACCOUNTS_MAX: usize = 262_144;

/// What reading and writing an instrument's numbers takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scales {
    pub(crate) base: AssetId,
    pub(crate) quote: AssetId,
    pub(crate) price: u8,
    pub(crate) quantity: u8,
    pub(crate) amount: u8,
}

impl From<&vocabulary::Instrument> for Scales {
    fn from(instrument: &vocabulary::Instrument) -> Self {
        Self {
            base: instrument.base,
            quote: instrument.quote,
            price: instrument.price_scale,
            quantity: instrument.base_scale,
            amount: instrument.quote_scale,
        }
    }
}

/// What has been asked for before.
pub(crate) struct Catalog {
    node: NodeHandle,
    instruments: Remembered<InstrumentId, Scales>,
    assets: Remembered<AssetId, u8>,
    owners: Remembered<AccountId, UserId>,
}

impl Catalog {
    pub(crate) fn new(node: NodeHandle) -> Self {
        Self {
            node,
            instruments: Remembered::new(INSTRUMENTS_MAX),
            assets: Remembered::new(ASSETS_MAX),
            owners: Remembered::new(ACCOUNTS_MAX),
        }
    }

    /// The scales of an instrument, if there is one.
    pub(crate) async fn find_scales(&self, instrument: InstrumentId) -> Result<Option<Scales>, Problem> {
        if let Some(known) = self.instruments.get(&instrument, |scales| *scales) {
            return Ok(Some(known));
        }
        let look = move |state: &engine::State| state.trading.instrument(instrument).map(Scales::from);
        let (_, found) = self.node.read(look).await?;
        if let Some(scales) = found {
            self.instruments.insert(instrument, scales, |_| false);
        }
        Ok(found)
    }

    /// The decimals of an asset, if there is one.
    pub(crate) async fn find_scale(&self, asset: AssetId) -> Result<Option<u8>, Problem> {
        if let Some(known) = self.assets.get(&asset, |scale| *scale) {
            return Ok(Some(known));
        }
        let look = move |state: &engine::State| state.trading.assets().get(&asset).map(|known| known.scale);
        let (_, found) = self.node.read(look).await?;
        if let Some(scale) = found {
            self.assets.insert(asset, scale, |_| false);
        }
        Ok(found)
    }

    /// The owner of an account, if there is one.
    pub(crate) async fn find_owner(&self, account: AccountId) -> Result<Option<UserId>, Problem> {
        if let Some(known) = self.owners.get(&account, |owner| *owner) {
            return Ok(Some(known));
        }
        let look =
            move |state: &engine::State| state.trading.ledger().account(account).map(|known| known.owner);
        let (_, found) = self.node.read(look).await?;
        if let Some(owner) = found {
            self.owners.insert(account, owner, |_| false);
        }
        Ok(found)
    }

    /// The scales of the instrument that a body names in `field`.
    pub(crate) async fn scales(&self, field: &str, instrument: InstrumentId) -> Result<Scales, Problem> {
        self.find_scales(instrument).await?.ok_or_else(|| unknown(field, "instrument", instrument))
    }

    /// The decimals of the asset that a body names in `field`.
    pub(crate) async fn scale(&self, field: &str, asset: AssetId) -> Result<u8, Problem> {
        self.find_scale(asset).await?.ok_or_else(|| unknown(field, "asset", asset))
    }

    /// Refuses an account that is not there, named in `field`.
    pub(crate) async fn check_account(&self, field: &str, account: AccountId) -> Result<(), Problem> {
        let owner = self.find_owner(account).await?;
        owner.map(|_| ()).ok_or_else(|| unknown(field, "account", account))
    }

    /// Refuses a participant that is not there, named in `field`.
    pub(crate) async fn check_participant(
        &self,
        field: &str,
        participant: ParticipantId,
    ) -> Result<(), Problem> {
        let look = move |state: &engine::State| state.trading.participants().contains(&participant);
        let (_, is_known) = self.node.read(look).await?;
        if is_known { Ok(()) } else { Err(unknown(field, "participant", participant)) }
    }

    /// Refuses an instrument that is not there, named in `field`.
    pub(crate) async fn check_instrument(
        &self,
        field: &str,
        instrument: InstrumentId,
    ) -> Result<(), Problem> {
        self.scales(field, instrument).await.map(|_| ())
    }

    /// Refuses a market that no instrument is traded in, named in `field`.
    pub(crate) async fn check_market(&self, field: &str, market: MarketId) -> Result<(), Problem> {
        let look =
            move |state: &engine::State| state.trading.instruments().any(|known| known.market == market);
        let (_, is_known) = self.node.read(look).await?;
        if is_known { Ok(()) } else { Err(unknown(field, "instrument in the market", market)) }
    }
}

fn unknown(field: &str, what: &str, code: impl std::fmt::Display) -> Problem {
    Problem::new(&kinds::UNKNOWN_REFERENCE, format!("there is no {what} {code}")).in_field(field)
}
