//! A bundle compiled for one thread: a Rego program in regorus' virtual machine, under an instruction budget.
//!
//! Invariant: the same bundle and input give the same value or the same failure on every machine. So "slow" is counted
//! in instructions, never in time, and builtins whose answer changes or whose cost one instruction does not bound are
//! refused. What the rules are called and what their values mean is not known here.

mod call_depth;
mod nesting;

use crate::Bundle;
use call_depth::execution_mode;
use minicbor::{Decode, Encode};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::RegoVM;
use regorus::rvm::program::Program as Code;
use regorus::rvm::vm::VmError;
use regorus::{Engine, Rc, Value};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// What one evaluation may cost, in instructions of the virtual machine. The shipped rules need about 40; this many
/// take about half a millisecond.
pub const INSTRUCTIONS_MAX: usize = 10_000;

/// What the parser may go through in all modules of a bundle: each as large as can be and read four times.
const BYTES_READ_MAX: u64 = 4 * Bundle::SIZE_MAX as u64;

/// Builtins that a bundle may not call: their answer changes, or one call can cost any amount of time and memory.
const FORBIDDEN: [&str; 8] = [
    "rand.intn",
    "numbers.range",
    "numbers.range_step",
    "bits.lsh",
    "units.parse",
    "units.parse_bytes",
    "trace",
    "print",
];

/// Longest message kept of a compiler or of a rule, in bytes.
pub(crate) const MESSAGE_MAX: usize = 512;

/// Why a bundle cannot come into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Encode, Decode)]
pub enum BadBundle {
    /// Larger than [`Bundle::SIZE_MAX`].
    #[n(0)]
    TooLarge,
    /// The compiler does not take it.
    #[n(1)]
    DoesNotCompile {
        /// What the compiler says.
        #[n(0)]
        message: String,
    },
    /// It does not define the rule that it is asked for.
    #[n(2)]
    LacksRule {
        /// The rule, like `data.finance.compliance.deny`.
        #[n(0)]
        rule: String,
    },
    /// Its own check of its data finds something wrong.
    #[n(3)]
    BadData {
        /// What is wrong.
        #[n(0)]
        message: String,
    },
    /// A sample input takes more than [`INSTRUCTIONS_MAX`].
    #[n(4)]
    OverBudget,
    /// It gives no decision on a sample input.
    #[n(5)]
    GivesNoDecision {
        /// What went wrong.
        #[n(0)]
        message: String,
    },
}

impl BadBundle {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "compliance.bundle-too-large",
            Self::DoesNotCompile { .. } => "compliance.bundle-does-not-compile",
            Self::LacksRule { .. } => "compliance.bundle-lacks-rule",
            Self::BadData { .. } => "compliance.bundle-bad-data",
            Self::OverBudget => "compliance.bundle-over-budget",
            Self::GivesNoDecision { .. } => "compliance.bundle-gives-no-decision",
        }
    }
}

impl fmt::Display for BadBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the bundle is larger than {} bytes", Bundle::SIZE_MAX),
            Self::DoesNotCompile { message } => write!(f, "the bundle does not compile: {message}"),
            Self::LacksRule { rule } => write!(f, "the bundle does not define {rule}"),
            Self::BadData { message } => write!(f, "the policy data is not sound: {message}"),
            Self::OverBudget => {
                write!(f, "the bundle takes more than {INSTRUCTIONS_MAX} instructions on a sample order")
            }
            Self::GivesNoDecision { message } => {
                write!(f, "the bundle gives no decision on a sample order: {message}")
            }
        }
    }
}

impl std::error::Error for BadBundle {}

/// Why an evaluation came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoDecision {
    OverBudget,
    Failed(String),
}

impl fmt::Display for NoDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverBudget => write!(f, "the policy took more than {INSTRUCTIONS_MAX} instructions"),
            Self::Failed(message) => write!(f, "the policy failed: {message}"),
        }
    }
}

impl From<NoDecision> for BadBundle {
    fn from(why: NoDecision) -> Self {
        match why {
            NoDecision::OverBudget => Self::OverBudget,
            NoDecision::Failed(message) => Self::GivesNoDecision { message },
        }
    }
}

/// A compiled bundle with numbered entry points.
pub(crate) struct Program {
    vm: RegoVM,
    /// The rules that can be asked for, in the order of their entry points.
    rules: Vec<&'static str>,
}

impl Program {
    /// Compiles the bundle with `wanted` as entry point 0, and after it those of `welcome` that it defines.
    pub(crate) fn compile(
        bundle: &Bundle,
        wanted: &'static str,
        welcome: &[&'static str],
    ) -> Result<Self, BadBundle> {
        let does_not_compile = |message: String| BadBundle::DoesNotCompile { message: shortened(&message) };
        if bundle.size() > Bundle::SIZE_MAX {
            return Err(BadBundle::TooLarge);
        }
        let names: BTreeSet<&str> = bundle.modules.iter().map(|m| m.name.as_str()).collect();
        if names.len() < bundle.modules.len() {
            return Err(does_not_compile("two modules have the same name".into()));
        }
        let read = bundle.modules.iter().map(|module| nesting::bytes_read(&module.text));
        if read.fold(0, u64::saturating_add) > BYTES_READ_MAX {
            return Err(does_not_compile("lists, sets and objects stand too deep in each other".into()));
        }
        let data = Value::from_json_str(&bundle.data).map_err(|e| does_not_compile(format!("data: {e}")))?;
        let mut engine = Engine::new();
        for module in &bundle.modules {
            let added = engine.add_policy(module.name.clone(), module.text.clone());
            added.map_err(|e| does_not_compile(e.to_string()))?;
        }
        engine.add_data(data.clone()).map_err(|e| does_not_compile(format!("data: {e}")))?;
        let compiled = engine
            .compile_with_entrypoint(&Rc::from(wanted))
            .map_err(|e| missing_or_broken(&engine, bundle, wanted, &e.to_string()))?;
        let mut rules = vec![wanted];
        rules.extend(welcome.iter().copied().filter(|rule| compiled.get_rules().contains_key(*rule)));
        let code =
            Compiler::compile_from_policy(&compiled, &rules).map_err(|e| does_not_compile(e.to_string()))?;
        if let Some(name) = forbidden(&code) {
            return Err(does_not_compile(format!("{name} may not be called here")));
        }
        let mut vm = RegoVM::new();
        vm.set_execution_mode(execution_mode(&code));
        vm.load_program(code);
        vm.set_data(data).map_err(|e| does_not_compile(format!("data: {e}")))?;
        vm.set_max_instructions(INSTRUCTIONS_MAX);
        Ok(Self { vm, rules })
    }

    /// The entry point of a rule, if the bundle defines it.
    pub(crate) fn entry_point(&self, rule: &str) -> Option<usize> {
        self.rules.iter().position(|defined| *defined == rule)
    }

    #[cfg(test)]
    pub(crate) fn evaluate_within(
        &mut self,
        instructions_max: usize,
        entry_point: usize,
        input: Value,
    ) -> Result<Value, NoDecision> {
        self.vm.set_max_instructions(instructions_max);
        self.evaluate(entry_point, input)
    }

    /// The value of the rule at an entry point. Keeps no part of `input`.
    pub(crate) fn evaluate(&mut self, entry_point: usize, input: Value) -> Result<Value, NoDecision> {
        self.vm.set_input(input);
        let value = self.vm.execute_entry_point_by_index(entry_point);
        self.vm.set_input(Value::Undefined);
        value.map_err(|error| {
            if matches!(error, VmError::InstructionLimitExceeded { .. }) {
                NoDecision::OverBudget
            } else {
                NoDecision::Failed(shortened(&error.to_string()))
            }
        })
    }
}

/// Whether the compiler stopped because the rule is not there, or because of what is.
fn missing_or_broken(engine: &Engine, bundle: &Bundle, wanted: &str, message: &str) -> BadBundle {
    let declared = bundle.modules.iter().any(|module| {
        engine.has_declared_rule_rooted_at(&module.name, wanted).is_ok_and(|declared| declared)
    });
    if declared {
        BadBundle::DoesNotCompile { message: shortened(message) }
    } else {
        BadBundle::LacksRule { rule: wanted.into() }
    }
}

fn forbidden(code: &Code) -> Option<&str> {
    let mut called = code.builtin_info_table.iter().map(|builtin| builtin.name.as_str());
    called.find(|name| FORBIDDEN.contains(name))
}

/// At most [`MESSAGE_MAX`] bytes of a text, cut between characters.
pub(crate) fn shortened(text: &str) -> String {
    let text = text.trim();
    let mut end = text.len().min(MESSAGE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
