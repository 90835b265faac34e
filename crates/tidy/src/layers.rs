//! Who may depend on whom: `vocabulary <- contexts <- engine <- {node, identity} <- {store, views, bus, post, audit}
//! <- {api, traces} <- {rialto, simulator, bench}`.
//!
//! A crate sees the layers below its own and never its neighbours: contexts speak to each other only by messages, which
//! the engine carries. The simulator sees neither storage nor network, which it simulates. Tests of the outer crates
//! (node and above) may use a neighbour, and those of node the store around it; tests of the pure crates may not.

use crate::manifest::{self, Dependency, Need};
use crate::{Tree, Violation};

/// From the innermost layer outwards.
const LAYERS: [&[&str]; 7] = [
    &["vocabulary"],
    &["trading", "settlement", "risk", "compliance"],
    &["engine"],
    &["node", "identity"],
    &["store", "views", "bus", "post", "audit"],
    &["api", "traces"],
    &["rialto", "simulator", "bench"],
];

/// The first layer that knows time, IO and threads.
const FIRST_OUTER: usize = 3;

/// What the simulator has an own instead of.
const SIMULATED: [&str; 5] = ["store", "bus", "post", "api", "traces"];

/// What tests and benchmarks start real servers with.
const SERVERS: &str = "testbed";

/// Crates that stand beside the product: they use none of it, and none of it uses them.
const ASIDE: [&str; 2] = ["tidy", SERVERS];

/// The crates without clock, randomness, IO, threads, floats and hash order.
pub fn pure_crates() -> impl Iterator<Item = &'static str> {
    LAYERS[..FIRST_OUTER].iter().flat_map(|layer| layer.iter().copied())
}

/// Checks the manifest of every crate.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, manifest) in tree.texts() {
        let name = path.strip_prefix("crates/").and_then(|rest| rest.strip_suffix("/Cargo.toml"));
        let Some(name) = name.filter(|name| !name.contains('/')) else { continue };
        if layer_of(name).is_none() && !ASIDE.contains(&name) {
            let reason = format!("crate {name} has no layer: give it one in crates/tidy/src/layers.rs");
            violations.push(Violation::new(path, 1, reason));
        }
        for dependency in manifest::dependencies(manifest) {
            if !dependency.is_inherited() {
                let reason = format!(
                    "write `{} = {{ workspace = true }}` on one line: versions stand in the root Cargo.toml",
                    dependency.name
                );
                violations.push(Violation::new(path, dependency.line, reason));
            }
            if let Some(reason) = objection(name, &dependency) {
                violations.push(Violation::new(path, dependency.line, reason));
            }
        }
    }
    violations
}

fn layer_of(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

fn objection(user: &str, dependency: &Dependency<'_>) -> Option<String> {
    let used = dependency.name;
    if used == SERVERS && (dependency.need == Need::Tests || user == "bench") {
        return None;
    }
    if ASIDE.contains(&used) {
        return Some(format!("{used} is no part of the product"));
    }
    if user == "simulator" && SIMULATED.contains(&used) {
        return Some(format!("simulator must not depend on {used}: disk and network are simulated"));
    }
    let below = layer_of(used)?;
    let Some(above) = layer_of(user) else {
        return Some(format!("{user} must not depend on the product it stands beside"));
    };
    let neighbour_in_tests = dependency.need == Need::Tests && above >= FIRST_OUTER && below <= above + 1;
    if below < above || neighbour_in_tests {
        return None;
    }
    Some(format!("{user} must not depend on {used}: a crate sees only the layers below its own"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(user: &str, table: &str, used: &str) -> Vec<String> {
        let manifest = format!("[{table}]\n{used} = {{ workspace = true }}\n");
        let tree = Tree::of(&[(&format!("crates/{user}/Cargo.toml"), &manifest)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_crate_sees_the_layers_below() {
        for (user, used) in
            [("trading", "vocabulary"), ("engine", "risk"), ("api", "engine"), ("rialto", "store")]
        {
            assert_eq!(reasons(user, "dependencies", used), [""; 0], "{user} on {used}");
        }
    }

    #[test]
    fn contexts_never_see_each_other_nor_what_is_above() {
        let expected = "crates/trading/Cargo.toml:2: trading must not depend on settlement: \
                        a crate sees only the layers below its own";
        assert_eq!(reasons("trading", "dependencies", "settlement"), [expected]);
        for (user, used) in
            [("vocabulary", "trading"), ("risk", "engine"), ("engine", "node"), ("store", "api")]
        {
            assert_eq!(reasons(user, "dependencies", used).len(), 1, "{user} on {used}");
        }
    }

    #[test]
    fn only_tests_of_outer_crates_may_use_a_neighbour() {
        assert_eq!(reasons("api", "dev-dependencies", "store"), [""; 0]);
        assert_eq!(reasons("risk", "dev-dependencies", "trading").len(), 1);
        assert_eq!(reasons("node", "dev-dependencies", "store"), [""; 0]);
        assert_eq!(reasons("node", "dependencies", "store").len(), 1);
        assert_eq!(reasons("node", "dev-dependencies", "rialto").len(), 1);
    }

    #[test]
    fn the_simulator_sees_the_read_side_and_neither_storage_nor_network() {
        for used in ["node", "views", "audit"] {
            assert_eq!(reasons("simulator", "dependencies", used), [""; 0], "{used}");
        }
        for used in ["store", "api"] {
            assert_eq!(reasons("simulator", "dependencies", used).len(), 1, "{used}");
        }
    }

    #[test]
    fn a_new_crate_needs_a_layer_and_what_stands_aside_stays_there() {
        assert_eq!(reasons("surprise", "dependencies", "serde").len(), 1);
        assert_eq!(reasons("tidy", "dependencies", "vocabulary").len(), 1);
        assert_eq!(reasons("rialto", "dev-dependencies", "tidy").len(), 1);
        assert_eq!(reasons("store", "dev-dependencies", "testbed"), [""; 0]);
        assert_eq!(reasons("store", "dependencies", "testbed").len(), 1);
        assert_eq!(reasons("bench", "dependencies", "testbed"), [""; 0]);
    }

    #[test]
    fn versions_stand_in_one_place() {
        let tree = Tree::of(&[("crates/risk/Cargo.toml", "[dependencies]\nserde = \"1\"\n")]);
        assert_eq!(check(&tree)[0].line, 2);
        assert!(check(&tree)[0].reason.contains("workspace = true"));
    }

    #[test]
    fn the_pure_crates_end_at_the_engine() {
        let pure: Vec<_> = pure_crates().collect();
        assert_eq!(pure, ["vocabulary", "trading", "settlement", "risk", "compliance", "engine"]);
    }
}
