//! Whether somebody may call an endpoint, by the policy `finance.authz` (SEC-2).
//!
//! The same evaluator and the same default as for orders: without a clear yes, no. Not state, one per thread; the
//! answer depends on the [`Access`] alone, so it may be remembered.

use crate::order_input::object;
use crate::program::Program;
use crate::{BadBundle, Bundle};
use regorus::Value;

/// The rule that allows.
const ALLOW_RULE: &str = "data.finance.authz.allow";

/// Who calls what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access<'a> {
    /// Roles in the caller's token, which must have been verified.
    pub roles: &'a [&'a str],
    /// Who calls, from a verified client certificate.
    pub source: Option<&'a str>,
    /// Who is called.
    pub destination: Option<&'a str>,
    /// Like `GET`.
    pub method: &'a str,
    /// With or without a query string.
    pub path: &'a str,
}

/// Compiled `finance.authz`.
pub struct Authorizer(Program);

impl std::fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authorizer")
    }
}

impl Authorizer {
    /// Compiles the bundle's `finance.authz`.
    ///
    /// # Errors
    /// [`BadBundle`] when it does not compile or lacks the rule.
    pub fn compile(bundle: &Bundle) -> Result<Self, BadBundle> {
        let mut program = Program::compile(bundle, ALLOW_RULE, &[])?;
        program.evaluate(0, input(&Access { method: "GET", path: "/", ..Access::default() }))?;
        Ok(Self(program))
    }

    /// Whether the policy says yes. A policy that fails says no.
    pub fn allow(&mut self, access: &Access<'_>) -> bool {
        matches!(self.0.evaluate(0, input(access)), Ok(Value::Bool(true)))
    }
}

/// The input document, in the shape of Envoy's `ext_authz` with the token beside it.
fn input(access: &Access<'_>) -> Value {
    let party = |principal: Option<&str>| match principal {
        Some(principal) => object([("principal".into(), principal.into())]),
        None => Value::new_object(),
    };
    let http = object([("method".into(), access.method.into()), ("path".into(), access.path.into())]);
    let attributes = object([
        ("source".into(), party(access.source)),
        ("destination".into(), party(access.destination)),
        ("request".into(), object([("http".into(), http)])),
    ]);
    let roles: Vec<Value> = access.roles.iter().map(|role| Value::from(*role)).collect();
    let token = object([("roles".into(), roles.into())]);
    object([("attributes".into(), attributes), ("token".into(), token)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::default_bundle;

    fn authorizer() -> Authorizer {
        Authorizer::compile(&default_bundle()).unwrap()
    }

    #[test]
    fn roles_grant_what_the_policy_says_and_nothing_else() {
        let mut authorizer = authorizer();
        let mut may = |roles: &[&str], method, path| {
            authorizer.allow(&Access { roles, method, path, ..Access::default() })
        };
        assert!(may(&["trader"], "POST", "/trading/orders"));
        assert!(may(&["auditor", "trader"], "POST", "/trading/orders"));
        assert!(may(&["auditor"], "GET", "/trading/orders?account=A1"));
        assert!(!may(&["auditor"], "POST", "/trading/orders"));
        assert!(!may(&["operator"], "POST", "/trading/orders"));
        assert!(!may(&["root"], "GET", "/trading/orders"));
        assert!(!may(&[], "GET", "/trading/orders"));
        assert!(!may(&["trader"], "GET", "/trading/../risk"));
        assert!(may(&[], "GET", "/healthz"));
    }

    #[test]
    fn services_of_the_mesh_are_known_by_their_principals() {
        let mut authorizer = authorizer();
        let settle = Access {
            source: Some("cluster.local/ns/finance/sa/trading-service"),
            destination: Some("cluster.local/ns/finance/sa/settlement-service"),
            method: "POST",
            path: "/settlement/process",
            ..Access::default()
        };
        assert!(authorizer.allow(&settle));
        assert!(!authorizer.allow(&Access { path: "/settlement/reports", ..settle }));
        assert!(!authorizer.allow(&Access { source: None, ..settle }));
    }

    #[test]
    fn the_virtual_machine_decides_as_the_interpreter_does() {
        let mut authorizer = authorizer();
        let mut interpreter = regorus::Engine::new();
        for module in default_bundle().modules {
            interpreter.add_policy(module.name, module.text).unwrap();
        }
        let roles: [&[&str]; 8] = [
            &[],
            &["trader"],
            &["operator"],
            &["risk"],
            &["compliance"],
            &["auditor", "risk"],
            &["service"],
            &["nobody"],
        ];
        let paths = [
            "/",
            "/healthz",
            "/metrics",
            "/trading/orders",
            "/trading/orders/1?x=/risk",
            "/trading/ordersx",
            "/trading/accounts",
            "/trading/blocks/2/consent",
            "/settlement/process",
            "/risk/limits",
            "/compliance/policies",
            "/trading/../risk/limits",
            "",
        ];
        let services = ["trading-service", "risk-service", "compliance-service", "settlement-service"]
            .map(|name| format!("cluster.local/ns/finance/sa/{name}"));
        let mut allowed = 0;
        for path in paths {
            for method in ["GET", "POST", "DELETE", "get"] {
                let by_role = roles.map(|roles| Access { roles, method, path, ..Access::default() });
                let by_service = services.iter().flat_map(|source| {
                    services.iter().map(move |destination| Access {
                        source: Some(source),
                        destination: Some(destination),
                        method,
                        path,
                        ..Access::default()
                    })
                });
                for access in by_role.into_iter().chain(by_service) {
                    interpreter.set_input(input(&access));
                    let expected = interpreter.eval_rule(ALLOW_RULE.into()).unwrap();
                    assert_eq!(Value::Bool(authorizer.allow(&access)), expected, "{access:?}");
                    allowed += u32::from(expected == Value::Bool(true));
                }
            }
        }
        assert!(allowed > 100, "the grid holds both answers");
    }

    #[test]
    fn a_bundle_without_the_rule_is_refused() {
        let mut bundle = default_bundle();
        bundle.modules.retain(|module| module.name != "finance/authz.rego");
        let refused = Authorizer::compile(&bundle).unwrap_err();
        assert_eq!(refused, BadBundle::LacksRule { rule: ALLOW_RULE.into() });
    }
}
