//! How deep the rules of a program call each other, and so on whose stack it may run.
//!
//! The virtual machine is a fifth quicker when a call of a rule is a call of its own too. But rules that call themselves,
//! or each other in a long chain, would then use up the thread's stack, which ends the process, long before they use up
//! their instructions, which ends the evaluation. So only a program that is seen to stay shallow runs that way; any
//! other keeps its calls in the machine's own memory.

use regorus::rvm::instructions::Instruction;
use regorus::rvm::program::Program as Code;
use regorus::rvm::vm::ExecutionMode;
use std::collections::{BTreeMap, BTreeSet};

/// Calls within calls that fit any thread's stack many times over.
const DEPTH_MAX: usize = 16;

/// Which rules each rule calls, by index.
type Calls = BTreeMap<u16, BTreeSet<u16>>;

/// How a program is to be run so that no rule can overflow the stack.
pub(super) fn execution_mode(code: &Code) -> ExecutionMode {
    let is_shallow = calls(code).is_some_and(|calls| {
        let mut depths = BTreeMap::new();
        calls.keys().all(|rule| is_within(*rule, DEPTH_MAX, &calls, &mut depths))
    });
    if is_shallow { ExecutionMode::RunToCompletion } else { ExecutionMode::Suspendable }
}

/// None where a call is known only when it is made: what lies below a path that an input completes.
#[allow(clippy::wildcard_enum_match_arm, reason = "most of the machine's many instructions call nothing")]
fn calls(code: &Code) -> Option<Calls> {
    let mut calls = Calls::new();
    let mut caller = None;
    for instruction in &code.instructions {
        let called = match instruction {
            // The body of each definition of a rule begins with this.
            Instruction::RuleInit { rule_index, .. } => {
                caller = Some(*rule_index);
                continue;
            }
            Instruction::CallRule { rule_index, .. } => *rule_index,
            Instruction::FunctionCall { params_index } => {
                code.instruction_data.get_function_call_params(*params_index)?.func_rule_index
            }
            Instruction::VirtualDataDocumentLookup { .. } => return None,
            _ => continue,
        };
        // What is called before any rule begins is called by whoever asks.
        if let Some(caller) = caller {
            calls.entry(caller).or_default().insert(called);
        }
    }
    Some(calls)
}

/// Whether `rule` calls at most `deep` levels below itself. Rules known to be so shallow are not gone through again.
fn is_within(rule: u16, deep: usize, calls: &Calls, known: &mut BTreeMap<u16, usize>) -> bool {
    let Some(called) = calls.get(&rule) else { return true };
    if known.get(&rule).is_some_and(|enough| *enough <= deep) {
        return true;
    }
    let is_within = deep > 0 && called.iter().all(|called| is_within(*called, deep - 1, calls, known));
    if is_within {
        known.insert(rule, deep);
    }
    is_within
}

#[cfg(test)]
mod tests {
    use crate::{Bundle, Module, default_bundle};

    /// Whether the rules of these may call each other on the thread's stack.
    fn is_quick(bundle: &Bundle, rule: &'static str) -> bool {
        let program = crate::program::Program::compile(bundle, rule, &[]).unwrap();
        matches!(program.vm.get_execution_mode(), regorus::rvm::vm::ExecutionMode::RunToCompletion)
    }

    fn is_quick_with(rules: &str) -> bool {
        let text = format!("package finance.compliance\nimport rego.v1\n{rules}");
        let modules = vec![Module { name: "x.rego".into(), text }];
        is_quick(&Bundle { modules, data: "{}".into() }, crate::DENY_RULE)
    }

    /// f0 calls f1, and so on, up to the last.
    fn chain(last: usize) -> String {
        let links: String = (0..last).map(|n| format!("f{n}(x) := f{}(x)\n", n + 1)).collect();
        format!("{links}f{last}(x) := x\ndeny contains \"x\" if f0(1)")
    }

    #[test]
    fn the_shipped_rules_run_the_quick_way() {
        assert!(is_quick(&default_bundle(), crate::DENY_RULE));
        assert!(is_quick(&default_bundle(), "data.finance.authz.allow"));
    }

    #[test]
    fn rules_that_call_themselves_or_go_deep_do_not() {
        assert!(is_quick_with(&chain(10)));
        assert!(!is_quick_with(&chain(30)));
        assert!(!is_quick_with("one(x) := two(x)\ntwo(x) := one(x)\ndeny contains \"x\" if one(1)"));
        let over_else = "f(x) := 1 if x > 1 else := f(x + 1)\ndeny contains \"x\" if f(1) == 2";
        assert!(!is_quick_with(over_else), "also in a body behind else");
        let many = (0..60).map(|n| format!("deny contains \"{n}\" if {{ g(1) == {n}; h(1) }}\n"));
        let wide = format!("g(x) := h(x)\nh(x) := x\n{}", many.collect::<String>());
        assert!(is_quick_with(&wide), "wide is not deep");
    }
}
