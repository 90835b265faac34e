//! Carrying a block trade from stage to stage: which message each stage sends, and what its answer means.

use trading::{OrderKind, PlaceOrder};
use vocabulary::{
    AccountId, CorrelationId, Events, Moment, OrderId, SelfTradePrevention, Side, TimeInForce, UserId,
};

use crate::Engine;
use crate::block::{
    Block, CONSENT_NS_MAX, Event as BlockEvent, Leg, LegOrder, ProposeBlock, Refusal as BlockRefusal, Stage,
    Step,
};
use crate::event::Event;
use crate::flow::{FLOW_DEADLINE_NS, Question, ask, release, reserved};
use crate::message::{Answer, Branch, Context, Message};
use crate::reaction::{Effects, Work};
use crate::refusal::Refusal;

/// How many block trades one record ends for want of consent.
const EXPIRIES_MAX: usize = 100;

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
    ) -> Result<Event, Refusal> {
        self.require(Context::Trading)?;
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
        self.decided_by_trading(&trading::Command::PlaceOrder(place), at, correlation)?;
        let deadline = at.time.plus_ns(propose.consent_ns);
        Ok(BlockEvent::BlockProposed { block, terms: *propose, deadline, correlation }.into())
    }

    fn awaiting(&self, block: OrderId) -> Result<&Block, BlockRefusal> {
        let state = self.state.blocks.get(block).ok_or(BlockRefusal::UnknownBlock(block))?;
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
    ) -> Result<Event, Refusal> {
        let state = self.awaiting(block)?;
        if account != state.terms.counterparty {
            return Err(BlockRefusal::NotAParty(account).into());
        }
        if state.deadline < at.time {
            return Err(BlockRefusal::NotAwaitingConsent(block).into());
        }
        Ok(BlockEvent::BlockConsented { block, order: OrderId(at.position), user }.into())
    }

    pub(crate) fn refuse_block(&self, block: OrderId, account: AccountId) -> Result<Event, Refusal> {
        let state = self.awaiting(block)?;
        if account != state.terms.counterparty && account != state.terms.account {
            return Err(BlockRefusal::NotAParty(account).into());
        }
        Ok(BlockEvent::BlockRefused { block, account }.into())
    }

    pub(crate) fn retry_block(&self, block: OrderId) -> Result<Event, Refusal> {
        let state = self.state.blocks.get(block).ok_or(BlockRefusal::UnknownBlock(block))?;
        match state.stage {
            Stage::Stuck { .. } => Ok(BlockEvent::BlockRetried { block }.into()),
            Stage::Doing { .. }
            | Stage::AwaitingConsent
            | Stage::Executing
            | Stage::Undoing { .. }
            | Stage::Complete
            | Stage::Undone => Err(BlockRefusal::NotStuck(block).into()),
        }
    }

    pub(crate) fn expire_blocks(&self, at: Moment, log: &mut Vec<Event>) {
        let late = self.state.blocks.overdue(at).take(self.setup.step.within(EXPIRIES_MAX));
        log.extend(late.map(|block| Event::from(BlockEvent::BlockExpired { block })));
    }

    /// The block trade as it is after `event`.
    ///
    /// # Panics
    /// When the event cannot follow: then history is corrupt.
    fn block_after(&self, event: &BlockEvent, at: Moment) -> Block {
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
                since: at.time,
            };
        }
        let mut block = self.state.blocks.get(id).expect("the block trade of an event is known").clone();
        block.since = at.time;
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

    /// Folds in an event of a saga, and sends or does what the stage needs that it leads to.
    pub(crate) fn fold_block(&mut self, event: &BlockEvent, at: Moment, effects: &mut Effects) {
        let (id, block) = (event.block(), self.block_after(event, at));
        match block.stage {
            Stage::Doing { step: Step::CreateOrder, .. }
            | Stage::Undoing { step: Step::ComplianceCheck, .. } => effects.then(Work::Block(id)),
            Stage::Doing { leg, step } => {
                let branch = step.branch().expect("trading's step is the one above");
                effects.send(block.question(leg, branch, at));
            }
            Stage::Undoing { leg, step } => effects.send(block.undo(leg, step, id, at)),
            Stage::Executing => block
                .execution(id)
                .into_iter()
                .map(Message::Trading)
                .for_each(|command| effects.send(command)),
            Stage::AwaitingConsent | Stage::Complete | Stage::Undone | Stage::Stuck { .. } => {}
        }
        self.state.blocks.put(id, block);
    }

    /// The steps that are done where the saga lives.
    pub(crate) fn next_of_block(&self, id: OrderId, at: Moment, log: &mut Vec<Event>) {
        let block = self.state.blocks.get(id).expect("a block trade with a step to take is not over");
        let step = Step::CreateOrder;
        let event = match block.stage {
            Stage::Doing { leg, step: Step::CreateOrder } => match self.create_leg(block, leg, at) {
                Ok(events) => {
                    log.extend(events.into_iter().map(Event::from));
                    BlockEvent::BlockStepDone { block: id, leg, step }
                }
                Err(refusal) => {
                    let reason = Refusal::from(refusal).reason();
                    BlockEvent::BlockStepFailed { block: id, leg, step, reason }
                }
            },
            Stage::Undoing { leg, step: Step::ComplianceCheck } => {
                BlockEvent::BlockStepUndone { block: id, leg, step: Step::ComplianceCheck }
            }
            Stage::Doing { .. }
            | Stage::AwaitingConsent
            | Stage::Executing
            | Stage::Undoing { .. }
            | Stage::Complete
            | Stage::Undone
            | Stage::Stuck { .. } => unreachable!("{:?} has no step that is done here", block.stage),
        };
        log.push(event.into());
    }

    fn create_leg(
        &self,
        block: &Block,
        leg: Leg,
        at: Moment,
    ) -> Result<Events<trading::Event>, trading::Refusal> {
        let user = match leg {
            Leg::Proposer => block.terms.user,
            Leg::Counterparty => block.counterparty.map_or(block.terms.user, |(_, user)| user),
        };
        let place = trading::Command::PlaceOrder(leg_order(&block.terms, leg, user));
        self.decided_by_trading(&place, at, block.correlation)
    }

    /// What the answer to a message about a leg means for its block trade; none if the message is not about one.
    pub(crate) fn hear_in_block(&self, message: &Message, answer: &Answer) -> Option<BlockEvent> {
        if self.state.blocks.is_empty() || *answer == Answer::Later {
            return None;
        }
        let (block, state) = self.state.blocks.of_order(message.order()?)?;
        if !state.waits_for(message, block) {
            return None;
        }
        let refused = if let Answer::No(reason) = answer { Some(reason.clone()) } else { None };
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

    /// # Panics
    /// When the leg was not created: then a step was done before the first.
    fn leg(&self, leg: Leg) -> LegOrder {
        self.legs[leg as usize].expect("a leg is created before anything else is done for it")
    }

    fn question(&self, leg: Leg, branch: Branch, at: Moment) -> Message {
        let LegOrder { terms, notional, quote_scale } = self.leg(leg);
        let counterparty = self.counterparty.map_or(self.terms.user, |(_, user)| user);
        let question = Question {
            terms,
            user: if leg == Leg::Proposer { self.terms.user } else { counterparty },
            price: self.terms.price,
            notional,
            reserved: reserved(self.terms.quantity, notional),
            quote_scale,
            deadline: at.time.plus_ns(FLOW_DEADLINE_NS),
        };
        ask(branch, &question)
    }

    /// What undoes a step. There is nothing to undo of a compliance check, so that one sends nothing.
    fn undo(&self, leg: Leg, step: Step, block: OrderId, at: Moment) -> Message {
        match step.branch().and_then(|branch| release(branch, self.leg(leg).terms, 0, at)) {
            Some(release) => release,
            None => {
                let order = self.order_of(leg, block).expect("a leg to undo has an order");
                Message::Trading(trading::Command::WithdrawBlock { order })
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
            Stage::Undoing { leg, step } => {
                let undo = self.undo(leg, step, block, Moment::default());
                message.asks().is_none() && message.to() == undo.to() && message.order() == undo.order()
            }
            Stage::Executing => {
                matches!(message, Message::Trading(trading::Command::ExecuteBlock { buy, sell }) if *buy == block || *sell == block)
            }
            Stage::AwaitingConsent | Stage::Complete | Stage::Undone | Stage::Stuck { .. } => false,
        }
    }
}
