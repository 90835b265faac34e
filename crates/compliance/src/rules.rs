//! The compliance rules in force, compiled: they say why an order is denied.
//!
//! `data.finance.compliance.deny` alone decides: the order is allowed if and only if that set is empty. Its entries are
//! messages, or objects `{code, message}`; `data.finance.compliance.codes`, if defined, maps a message to its code. What
//! `data.finance.compliance.data_errors`, if defined, says of the bundle's data is asked before it comes into force.
//! Rules are not state: they follow from a bundle, and each thread has its own. No decision means deny.

use crate::bundle::Digest;
use crate::order_input::InputDocument;
use crate::program::{NoDecision, Program, shortened};
use crate::{BadBundle, Bundle, CheckInput};
use regorus::Value;
use std::fmt;
use vocabulary::{Amount, OrderTerms, Price, Quantity, Reason, Side, planted};

/// The rule that decides.
pub const DENY_RULE: &str = "data.finance.compliance.deny";
/// The rule that gives each message its code.
pub const CODES_RULE: &str = "data.finance.compliance.codes";
/// The rule that says what is wrong with the bundle's data.
pub const DATA_ERRORS_RULE: &str = "data.finance.compliance.data_errors";
/// Code of a denial whose rule gives none.
pub const POLICY_DENIED: &str = "compliance.policy-denied";
/// Code of a denial for want of a decision.
pub const NO_DECISION: &str = "compliance.no-decision";

/// Reasons kept of one decision.
const REASONS_MAX: usize = 16;

/// What the rules say about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Why it is denied, in the order of the messages; none when it is allowed.
    pub reasons: Vec<Reason>,
}

impl Judgement {
    /// Whether nothing speaks against the order.
    pub fn allowed(&self) -> bool {
        self.reasons.is_empty()
    }

    fn none(why: impl fmt::Display) -> Self {
        Self { reasons: vec![Reason { code: NO_DECISION.into(), message: why.to_string() }] }
    }
}

/// Compiled rules of one bundle, or of none yet.
#[derive(Default)]
pub struct Rules {
    bundle: Option<Digest>,
    compiled: Option<Compiled>,
}

struct Compiled {
    program: Program,
    document: InputDocument,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}

impl Rules {
    /// Compiles a bundle and tries it on sample orders.
    ///
    /// # Errors
    /// [`BadBundle`] says why it cannot come into force.
    pub fn compile(bundle: &Bundle) -> Result<Self, BadBundle> {
        let mut rules = Self::compile_untried(bundle)?;
        rules.check_data()?;
        for sample in samples() {
            rules.try_judge(&sample)?;
        }
        Ok(rules)
    }

    /// What the rules say. Without rules, or when they give no decision, the order is denied.
    pub fn judge(&mut self, order: &CheckInput) -> Judgement {
        self.try_judge(order).unwrap_or_else(Judgement::none)
    }

    /// Makes these the rules of the bundle in force. Cheap when they are.
    pub(crate) fn follow(&mut self, in_force: Option<(&Bundle, Digest)>) {
        let is_kept = planted!("policy-not-followed") && self.bundle.is_some();
        if self.bundle == in_force.map(|(_, digest)| digest) || is_kept {
            return;
        }
        // A bundle that was fit once may not compile under a later evaluator: then there is no decision.
        *self = Self {
            bundle: in_force.map(|(_, digest)| digest),
            compiled: in_force.and_then(|(bundle, _)| Self::compile_untried(bundle).ok()?.compiled),
        };
    }

    fn compile_untried(bundle: &Bundle) -> Result<Self, BadBundle> {
        let program = Program::compile(bundle, DENY_RULE, &[CODES_RULE, DATA_ERRORS_RULE])?;
        let compiled = Compiled { program, document: InputDocument::new() };
        Ok(Self { bundle: Some(bundle.digest()), compiled: Some(compiled) })
    }

    fn check_data(&mut self) -> Result<(), BadBundle> {
        let Some(Compiled { program, .. }) = &mut self.compiled else { return Ok(()) };
        let Some(data_errors) = program.entry_point(DATA_ERRORS_RULE) else { return Ok(()) };
        let errors = program.evaluate(data_errors, Value::Undefined)?;
        if errors.as_set().is_ok_and(|errors| errors.is_empty()) {
            return Ok(());
        }
        Err(BadBundle::BadData { message: shortened(&errors.to_string()) })
    }

    fn try_judge(&mut self, order: &CheckInput) -> Result<Judgement, NoDecision> {
        let Some(Compiled { program, document }) = &mut self.compiled else {
            return Ok(Judgement::none("no policy is in force"));
        };
        let denied = program.evaluate(0, document.fill(order))?;
        let Value::Set(denied) = denied else {
            return Err(NoDecision::Failed(format!("{DENY_RULE} is not a set")));
        };
        if denied.is_empty() {
            return Ok(Judgement { reasons: Vec::new() });
        }
        let codes = match program.entry_point(CODES_RULE) {
            Some(codes) => program.evaluate(codes, document.fill(order))?,
            None => Value::Undefined,
        };
        Ok(Judgement {
            reasons: denied.iter_sorted().take(REASONS_MAX).map(|entry| reason(entry, &codes)).collect(),
        })
    }
}

fn reason(entry: &Value, codes: &Value) -> Reason {
    let message = entry.as_string().ok().map(|message| shortened(message));
    let message = message.or_else(|| text_at(entry, &"message".into()));
    let code = text_at(entry, &"code".into()).or_else(|| text_at(codes, entry));
    Reason {
        code: code.unwrap_or_else(|| POLICY_DENIED.into()),
        message: message.unwrap_or_else(|| shortened(&entry.to_string())),
    }
}

/// The text at a key, if the value is an object that has one there.
fn text_at(value: &Value, key: &Value) -> Option<String> {
    value.as_object().ok()?.get(key)?.as_string().ok().map(|text| shortened(text))
}

/// Orders that every bundle is tried on: an ordinary one, and the largest that can be placed by the busiest user.
fn samples() -> [CheckInput; 2] {
    let code = |text| vocabulary::Code::new(text).expect("a sample code is a code");
    let user = vocabulary::text::Text::new("sample").expect("a sample code is a code");
    let ordinary = CheckInput {
        terms: OrderTerms {
            order: vocabulary::OrderId(0),
            account: vocabulary::AccountId(code("SAMPLE")),
            participant: vocabulary::ParticipantId(code("SAMPLE")),
            instrument: vocabulary::InstrumentId(code("SAMPLE")),
            market: vocabulary::MarketId(code("SAMPLE")),
            base: vocabulary::AssetId(code("SAMPLE")),
            quote: vocabulary::AssetId(code("SAMPLE")),
            side: Side::Buy,
            correlation: vocabulary::CorrelationId(0),
        },
        user: vocabulary::UserId(user),
        price: Price(1),
        quantity: Quantity(1),
        notional: Amount(1),
        quote_scale: 2,
        orders_in_hour: 1,
    };
    let largest = CheckInput {
        terms: OrderTerms { side: Side::Sell, ..ordinary.terms },
        price: Price::MAX,
        quantity: Quantity::MAX,
        notional: Amount::MAX,
        orders_in_hour: u32::MAX,
        ..ordinary
    };
    [ordinary, largest]
}

#[cfg(test)]
mod tests;
