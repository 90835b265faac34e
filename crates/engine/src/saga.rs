//! Carrying a block trade from stage to stage: which message each stage sends, and what its answer means.

use trading::{OrderKind, PlaceOrder};
use vocabulary::{
    AccountId, CorrelationId, Moment, OrderId, Reserved, SelfTradePrevention, Side, TimeInForce, UserId,
};

use crate::Engine;
use crate::block::{
    Block, CONSENT_NS_MAX, Event as BlockEvent, Leg, LegOrder, ProposeBlock, Refusal as BlockRefusal, Stage,
    Step,
};
use crate::event::Event;
use crate::flow::{FLOW_DEADLINE_NS, Question, ask, release};
use crate::message::{Answer, Branch, Message};
use crate::reaction::Work;
use crate::refusal::Refusal;

impl Step {
    fn branch(self) -> Option<Branch> {
        match self {
            Self::CreateOrder => None,
            Self::ValidateRisk => Some(Branch::Risk),
            Self::ProcessSettlement => Some(Branch::Settlement),
            Self::ComplianceCheck => Some(Branch::Compliance),
        }
    }
}

impl Engine {
    pub(crate) fn propose_block(
        &self,
        propose: &ProposeBlock,
        at: Moment,
        correlation: CorrelationId,
    ) -> Result<Vec<Event>, Refusal> {
        if propose.account == propose.counterparty {
            return Err(BlockRefusal::SameAccount.into());
        }
        if propose.consent_ns == 0 || propose.consent_ns > CONSENT_NS_MAX {
            return Err(BlockRefusal::DeadlineOutOfRange.into());
        }
        if self.state.trading.ledger().account(propose.counterparty).is_none() {
            return Err(trading::Refusal::UnknownAccount(propose.counterparty).into());
        }
        let block = OrderId(at.position);
        // Refuses at once what could not even be created.
        let place = leg_order(propose, Leg::Proposer, propose.user);
        self.state.trading.decide(&trading::Command::PlaceOrder(place), at, correlation)?;
        let deadline = at.time.plus_ns(propose.consent_ns);
        Ok(vec![BlockEvent::BlockProposed { block, terms: *propose, deadline, correlation }.into()])
    }

    fn awaiting(&self, block: OrderId) -> Result<&Block, BlockRefusal> {
        let state = self.state.blocks.get(&block).ok_or(BlockRefusal::UnknownBlock(block))?;
        if state.stage == Stage::AwaitingConsent {
            Ok(state)
        } else {
            Err(BlockRefusal::NotAwaitingConsent(block))
        }
    }

    pub(crate) fn consent_block(
        &self,
        block: OrderId,
        account: AccountId,
        user: UserId,
        at: Moment,
    ) -> Result<Vec<Event>, Refusal> {
        let state = self.awaiting(block)?;
        if account != state.terms.counterparty {
            return Err(BlockRefusal::NotAParty(account).into());
        }
        if state.deadline < at.time {
            return Err(BlockRefusal::NotAwaitingConsent(block).into());
        }
        Ok(vec![BlockEvent::BlockConsented { block, order: OrderId(at.position), user }.into()])
    }

    pub(crate) fn refuse_block(&self, block: OrderId, account: AccountId) -> Result<Vec<Event>, Refusal> {
        let state = self.awaiting(block)?;
        if account != state.terms.counterparty && account != state.terms.account {
            return Err(BlockRefusal::NotAParty(account).into());
        }
        Ok(vec![BlockEvent::BlockRefused { block, account }.into()])
    }

    pub(crate) fn retry_block(&self, block: OrderId) -> Result<Vec<Event>, Refusal> {
        let state = self.state.blocks.get(&block).ok_or(BlockRefusal::UnknownBlock(block))?;
        match state.stage {
            Stage::Stuck { .. } => Ok(vec![BlockEvent::BlockRetried { block }.into()]),
            Stage::Doing { .. }
            | Stage::AwaitingConsent
            | Stage::Executing
            | Stage::Undoing { .. }
            | Stage::Complete
            | Stage::Undone => Err(BlockRefusal::NotStuck(block).into()),
        }
    }

    pub(crate) fn expire_blocks(&self, at: Moment) -> Vec<Event> {
        let waiting = self.state.blocks.iter().filter(|(_, block)| block.stage == Stage::AwaitingConsent);
        let late = waiting.filter(|(_, block)| block.deadline < at.time);
        late.map(|(block, _)| BlockEvent::BlockExpired { block: *block }.into()).collect()
    }

    /// The block trade as it is after `event`.
    ///
    /// # Panics
    /// When the event cannot follow: then history is corrupt.
    fn block_after(&self, event: &BlockEvent) -> Block {
        let id = event.block();
        if let BlockEvent::BlockProposed { terms, deadline, correlation, .. } = event {
            return Block {
                terms: *terms,
                deadline: *deadline,
                stage: Stage::Doing { leg: Leg::Proposer, step: Step::CreateOrder },
                correlation: *correlation,
                counterparty: None,
                legs: [None, None],
                reason: None,
            };
        }
        let mut block = self.state.blocks.get(&id).expect("the block trade of an event is known").clone();
        block.stage =
            block.stage.after(event).unwrap_or_else(|illegal| panic!("illegal history: {illegal:?}"));
        match event {
            BlockEvent::BlockConsented { order, user, .. } => block.counterparty = Some((*order, *user)),
            BlockEvent::BlockStepFailed { reason, .. } | BlockEvent::BlockStuck { reason, .. } => {
                block.reason = Some(reason.clone());
            }
            BlockEvent::BlockStepDone { leg, step: Step::CreateOrder, .. } => {
                let order = block.order_of(*leg, id).expect("a leg is created once its order has an id");
                block.legs[*leg as usize] = self.leg_created(order);
            }
            BlockEvent::BlockProposed { .. }
            | BlockEvent::BlockStepDone { .. }
            | BlockEvent::BlockRefused { .. }
            | BlockEvent::BlockExpired { .. }
            | BlockEvent::BlockStepUndone { .. }
            | BlockEvent::BlockRetried { .. }
            | BlockEvent::BlockCompleted { .. } => {}
        }
        block
    }

    fn leg_created(&self, order: OrderId) -> Option<LegOrder> {
        let terms = self.state.trading.terms(order)?;
        let instrument = self.state.trading.instrument(terms.instrument)?;
        let state = self.state.trading.order(order)?;
        let notional = instrument.notional(state.limit, state.quantity);
        Some(LegOrder { terms, notional, quote_scale: instrument.quote_scale })
    }

    /// Folds in an event of a saga; one that is over is forgotten.
    pub(crate) fn fold_block(&mut self, event: &BlockEvent) {
        let block = self.block_after(event);
        if block.stage.is_final() {
            self.state.blocks.remove(&event.block());
        } else {
            self.state.blocks.insert(event.block(), block);
        }
    }

    /// What the stage sends or does that an event leads to.
    pub(crate) fn react_to_block(&self, event: &BlockEvent, at: Moment) -> Vec<Work> {
        let (id, block) = (event.block(), self.block_after(event));
        match block.stage {
            Stage::Doing { step: Step::CreateOrder, .. }
            | Stage::Undoing { step: Step::ComplianceCheck, .. } => {
                vec![Work::Block(id)]
            }
            Stage::Doing { leg, step } => {
                let question = step.branch().and_then(|branch| block.question(leg, branch, at));
                question.map(Work::Deliver).into_iter().collect()
            }
            Stage::Undoing { leg, step } => {
                block.undo(leg, step, id).map(Work::Deliver).into_iter().collect()
            }
            Stage::Executing => {
                block.execution(id).into_iter().map(Message::Trading).map(Work::Deliver).collect()
            }
            Stage::AwaitingConsent | Stage::Complete | Stage::Undone | Stage::Stuck { .. } => Vec::new(),
        }
    }

    /// The steps that are done where the saga lives.
    pub(crate) fn next_of_block(&self, id: OrderId, at: Moment) -> Vec<Event> {
        let Some(block) = self.state.blocks.get(&id) else { return Vec::new() };
        if let Stage::Undoing { leg, step: Step::ComplianceCheck } = block.stage {
            return vec![BlockEvent::BlockStepUndone { block: id, leg, step: Step::ComplianceCheck }.into()];
        }
        let Stage::Doing { leg, step: Step::CreateOrder } = block.stage else { return Vec::new() };
        let user = block.counterparty.map_or(block.terms.user, |(_, user)| user);
        let place = trading::Command::PlaceOrder(leg_order(&block.terms, leg, user));
        match self.state.trading.decide(&place, at, block.correlation) {
            Ok(events) => {
                let mut all: Vec<Event> = events.into_iter().map(Event::from).collect();
                all.push(BlockEvent::BlockStepDone { block: id, leg, step: Step::CreateOrder }.into());
                all
            }
            Err(refusal) => {
                let reason = Refusal::from(refusal).reason();
                vec![BlockEvent::BlockStepFailed { block: id, leg, step: Step::CreateOrder, reason }.into()]
            }
        }
    }

    /// What the answer to a message about a leg means for its block trade; none if the message is not about one.
    pub(crate) fn hear_in_block(&self, message: &Message, answer: &Answer) -> Option<BlockEvent> {
        if self.state.blocks.is_empty() || *answer == Answer::Later {
            return None;
        }
        let (block, state) = self.state.blocks.iter().find(|(id, block)| block.waits_for(message, **id))?;
        let (block, refused) =
            (*block, if let Answer::No(reason) = answer { Some(reason.clone()) } else { None });
        match (state.stage, refused) {
            (Stage::Doing { leg, step }, None) => Some(BlockEvent::BlockStepDone { block, leg, step }),
            (Stage::Doing { leg, step }, Some(reason)) => {
                Some(BlockEvent::BlockStepFailed { block, leg, step, reason })
            }
            (Stage::Undoing { leg, step }, None) => Some(BlockEvent::BlockStepUndone { block, leg, step }),
            (Stage::Undoing { leg, step }, Some(reason)) => {
                Some(BlockEvent::BlockStuck { block, leg, step, reason })
            }
            (Stage::Executing, None) => Some(BlockEvent::BlockCompleted { block }),
            (Stage::Executing, Some(reason)) => {
                let (leg, step) = (Leg::Counterparty, Step::ComplianceCheck);
                Some(BlockEvent::BlockStepFailed { block, leg, step, reason })
            }
            (Stage::AwaitingConsent | Stage::Complete | Stage::Undone | Stage::Stuck { .. }, _) => None,
        }
    }
}

/// The order of one leg.
fn leg_order(terms: &ProposeBlock, leg: Leg, user: UserId) -> PlaceOrder {
    let (account, side) = match leg {
        Leg::Proposer => (terms.account, terms.side),
        Leg::Counterparty => (terms.counterparty, terms.side.opposite()),
    };
    PlaceOrder {
        account,
        instrument: terms.instrument,
        side,
        kind: OrderKind::Block(terms.price),
        quantity: terms.quantity,
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        self_trade_prevention: SelfTradePrevention::Off,
        client_order_id: None,
        user,
    }
}

impl Block {
    /// The id of a leg's order, once it has one.
    fn order_of(&self, leg: Leg, block: OrderId) -> Option<OrderId> {
        match leg {
            Leg::Proposer => Some(block),
            Leg::Counterparty => self.counterparty.map(|(order, _)| order),
        }
    }

    fn question(&self, leg: Leg, branch: Branch, at: Moment) -> Option<Message> {
        let LegOrder { terms, notional, quote_scale } = self.legs[leg as usize]?;
        let deadline = at.time.plus_ns(FLOW_DEADLINE_NS);
        let user = if leg == Leg::Proposer { self.terms.user } else { self.counterparty?.1 };
        let amount = i64::try_from(notional.0).ok()?;
        let reserved = Reserved { quantity: self.terms.quantity.0, amount };
        Some(ask(
            branch,
            Question { terms, user, price: self.terms.price, notional, reserved, quote_scale, deadline },
        ))
    }

    fn undo(&self, leg: Leg, step: Step, block: OrderId) -> Option<Message> {
        match step.branch() {
            Some(branch) => release(branch, self.legs[leg as usize]?.terms, 0),
            None => {
                let order = self.order_of(leg, block)?;
                Some(Message::Trading(trading::Command::WithdrawBlock { order }))
            }
        }
    }

    /// Both legs accepted, then executed against each other.
    fn execution(&self, block: OrderId) -> Vec<trading::Command> {
        let Some((counter, _)) = self.counterparty else { return Vec::new() };
        let (buy, sell) = if self.terms.side == Side::Buy { (block, counter) } else { (counter, block) };
        vec![
            trading::Command::AcceptOrder { order: buy },
            trading::Command::AcceptOrder { order: sell },
            trading::Command::ExecuteBlock { buy, sell },
        ]
    }

    /// Whether the stage waits for the answer to that message.
    fn waits_for(&self, message: &Message, block: OrderId) -> bool {
        match self.stage {
            Stage::Doing { leg, step } => {
                let asked = message.asks();
                asked.is_some()
                    && asked == step.branch().zip(self.order_of(leg, block)).map(|(b, order)| (order, b))
            }
            Stage::Undoing { leg, step } => self.undo(leg, step, block).as_ref() == Some(message),
            Stage::Executing => {
                matches!(message, Message::Trading(trading::Command::ExecuteBlock { buy, sell }) if *buy == block || *sell == block)
            }
            Stage::AwaitingConsent | Stage::Complete | Stage::Undone | Stage::Stuck { .. } => false,
        }
    }
}
