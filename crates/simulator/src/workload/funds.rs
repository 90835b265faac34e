//! Funds in and out, new accounts, definitions once more, and what is only on record.

use engine::{Access, Command, Context, MessageId};
use vocabulary::{Amount, AssetId, Quantity};

use super::market::{Holder, id, index, times};
use super::mix::Act;
use super::{Asked, Workload};

/// So many accounts at least there are from the beginning.
pub(super) const ACCOUNTS_MIN: usize = 4;
/// The most accounts there come to be.
const ACCOUNTS_MAX: usize = 14;

impl Workload {
    fn some_shard(&mut self) -> u16 {
        *self.dice.pick(&(0..self.market.shards).collect::<Vec<_>>())
    }

    fn some_asset(&mut self, shard: u16) -> AssetId {
        self.dice.pick(&self.market.assets_in(shard)).asset
    }

    /// From one minor unit to very much.
    fn some_amount(&mut self, asset: AssetId) -> Amount {
        let usual = self.market.usual_of(asset);
        match self.dice.below(20) {
            0 => Amount(1),
            1 => times(usual, 1_000_000),
            2 => usual + Amount(1),
            _ => times(usual, self.dice.between(1, 20)),
        }
    }

    pub(super) fn deposit(&mut self) -> Asked {
        let (holder, shard) = (index(&mut self.dice, self.market.accounts.len()), self.some_shard());
        self.deposit_to(holder, shard)
    }

    pub(super) fn deposit_to(&mut self, holder: usize, shard: u16) -> Asked {
        let (account, asset) = (self.market.accounts[holder].account, self.some_asset(shard));
        let amount = self.some_amount(asset);
        self.operate("deposit", shard, Command::Trading(trading::Command::Deposit { account, asset, amount }))
    }

    pub(super) fn withdraw(&mut self) -> Asked {
        let holder = *self.dice.pick(&self.market.accounts);
        let shard = self.some_shard();
        let asset = self.some_asset(shard);
        let amount = self.some_amount(asset);
        let command = trading::Command::Withdraw { account: holder.account, asset, amount };
        self.ask("withdraw", shard, holder.owner, Command::Trading(command))
    }

    /// An account in every shard, and something to put into it.
    pub(super) fn new_account(&mut self) -> Asked {
        let count = self.market.accounts.len();
        let holder = if count < ACCOUNTS_MAX {
            let account = id(&format!("ACC-{}", count + 1));
            let participant = *self.dice.pick(&self.market.participants);
            let holder = Holder { account, participant, owner: *self.dice.pick(&self.market.users) };
            self.market.accounts.push(holder);
            holder
        } else {
            *self.dice.pick(&self.market.accounts)
        };
        let Holder { account, participant, .. } = holder;
        let at = self.market.accounts.iter().position(|other| other.account == account);
        let at = at.expect("the account is one of them");
        for shard in 0..self.market.shards {
            self.plan([Act::OpenAccount(at, shard), Act::DepositTo(at, shard), Act::DepositTo(at, shard)]);
        }
        let command = trading::Command::RegisterParticipant { participant };
        let shard = self.some_shard();
        self.operate("register", shard, Command::Trading(command))
    }

    pub(super) fn open_account(&mut self, holder: usize, shard: u16) -> Asked {
        let Holder { account, participant, owner } = self.market.accounts[holder];
        let command = trading::Command::OpenAccount { account, participant, owner };
        self.operate("open account", shard, Command::Trading(command))
    }

    /// What is defined already: the same once more, or not quite the same.
    pub(super) fn redefine(&mut self) -> Asked {
        use trading::Command as T;
        let is_changed = self.dice.permille(400);
        let listed = self.dice.pick(&self.market.listed).clone();
        let shard = listed.shard;
        let command = match self.dice.below(4) {
            0 => {
                let mut asset = *self.dice.pick(&self.market.assets_in(shard));
                asset.scale += u8::from(is_changed);
                T::DefineAsset(asset)
            }
            1 => {
                let mut instrument = listed.instrument;
                if is_changed {
                    instrument.lot += Quantity(instrument.lot.0);
                }
                T::DefineInstrument(Box::new(instrument))
            }
            2 => T::RegisterParticipant { participant: *self.dice.pick(&self.market.participants) },
            _ => {
                // One that is there from the beginning: of one that is only just being opened, the changed definition might
                // come first, and be the true one in one shard alone.
                let holders = &self.market.accounts[..ACCOUNTS_MIN];
                let Holder { account, participant, owner } = *self.dice.pick(holders);
                let owner = if is_changed { self.market.operator } else { owner };
                T::OpenAccount { account, participant, owner }
            }
        };
        self.operate("define again", shard, Command::Trading(command))
    }

    /// A read of an administrator, or a request that was turned away.
    pub(super) fn access(&mut self) -> Asked {
        let operations = ["GET /trading/orders", "POST /trading/orders", "GET /risk/limits"];
        let turned_away = self.dice.permille(500);
        let access = Access {
            operation: (*self.dice.pick(&operations)).to_owned(),
            status: if turned_away { *self.dice.pick(&[401, 403, 429]) } else { 200 },
            code: turned_away.then(|| "request.turned-away".to_owned()),
            unrecorded: (turned_away && self.dice.permille(300)).then(|| self.dice.between(1, 1_000)),
        };
        let asked = self.operate("access", 0, Command::RecordAccess(access));
        self.of_any_context(asked)
    }

    /// A message that there may be, because an order was created there lately, or one that there cannot be.
    pub(super) fn retry_message(&mut self) -> Asked {
        let known = self.memory.open.back().map(|known| (known.order.0, known.shard));
        let unknown = (self.dice.below(1_000_000), 0);
        let (position, shard) = if self.dice.permille(600) { known.unwrap_or(unknown) } else { unknown };
        let message = MessageId {
            position,
            index: u32::try_from(self.dice.below(4)).expect("below 4"),
            from: Context::Trading,
        };
        let asked = self.operate("retry message", shard, Command::RetryMessage { message });
        if self.dice.permille(800) { asked } else { self.of_any_context(asked) }
    }

    fn of_any_context(&mut self, asked: Asked) -> Asked {
        let context = *self.dice.pick(&Context::ALL);
        Asked { context, shard: if context == Context::Trading { asked.shard } else { 0 }, ..asked }
    }
}
