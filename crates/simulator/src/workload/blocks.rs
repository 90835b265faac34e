//! Block trades: proposed, consented to, refused, left to run out, and retried.

use engine::Command;
use engine::block::{CONSENT_NS_MAX, ProposeBlock};
use vocabulary::{OrderId, Side};

use super::market::{around, index};
use super::memory::Proposed;
use super::mix::{Act, Style};
use super::orders::priced;
use super::{Asked, Workload};

const MS: u64 = 1_000_000;

impl Workload {
    pub(super) fn propose(&mut self) -> Asked {
        let Self { dice, market, .. } = self;
        let listed = dice.pick(&market.listed);
        let (proposer, other) = (*dice.pick(&market.accounts), *dice.pick(&market.accounts));
        let consent_ns = match dice.below(20) {
            0 => 0,
            1 => CONSENT_NS_MAX + 1,
            2 => CONSENT_NS_MAX,
            3..=6 => dice.between(1, 40 * MS),
            _ => dice.between(100 * MS, 20_000 * MS),
        };
        let propose = ProposeBlock {
            account: proposer.account,
            counterparty: other.account,
            instrument: listed.instrument.instrument,
            side: *dice.pick(&[Side::Buy, Side::Sell]),
            price: priced(listed, around(dice, 5)),
            quantity: listed.lots(dice.between(1, 30)),
            consent_ns,
            user: proposer.owner,
        };
        let shard = listed.shard;
        self.ask("propose block", shard, proposer.owner, Command::ProposeBlock(propose))
    }

    /// A proposal, a little trading, and an answer or two.
    pub(super) fn deal(&mut self) -> Asked {
        for _ in 0..self.dice.below(3) {
            self.plan([Act::Place(Style::Crossing)]);
        }
        self.plan([Act::AnswerBlock]);
        if self.dice.permille(200) {
            self.plan([Act::AnswerBlock]);
        }
        self.propose()
    }

    fn some_block(&mut self) -> Option<Proposed> {
        if self.memory.proposed.is_empty() {
            return None;
        }
        let latest = self.memory.proposed.len() - 1;
        let at = if self.dice.permille(600) { latest } else { index(&mut self.dice, latest + 1) };
        Some(self.memory.proposed[at])
    }

    /// Consent, mostly; a no of either side; the word of somebody who is not asked; or a cancel, as if it were any order.
    pub(super) fn answer_block(&mut self) -> Option<Asked> {
        let Proposed { block, shard, account, counterparty } = self.some_block()?;
        let user = *self.dice.pick(&self.market.users);
        let other = self.dice.pick(&self.market.accounts).account;
        let (label, command) = match self.dice.below(22) {
            0 => ("consent of another", Command::ConsentBlock { block, account: other, user }),
            1 => ("refusal of another", Command::RefuseBlock { block, account: other }),
            2..=3 => ("take block back", Command::RefuseBlock { block, account }),
            4 => ("cancel leg", Command::Trading(trading::Command::CancelOrder { order: block })),
            5..=7 => ("refuse block", Command::RefuseBlock { block, account: counterparty }),
            _ => ("consent", Command::ConsentBlock { block, account: counterparty, user }),
        };
        Some(self.ask(label, shard, user, command))
    }

    /// One that is hardly ever stuck.
    pub(super) fn retry_block(&mut self) -> Option<Asked> {
        let Proposed { block, shard, .. } = self.some_block()?;
        let block = if self.dice.permille(900) { block } else { OrderId(block.0 + 1) };
        Some(self.operate("retry block", shard, Command::RetryBlock { block }))
    }
}
