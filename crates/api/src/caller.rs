//! Which process of the cluster a request comes from, and what only the gateway may do.

use crate::problem::{Problem, kinds};
use crate::routes::Route;
use axum::http::{Extensions, Method};
use identity::Identity;

/// Who is at the other end of the connection, by his certificate.
#[derive(Clone)]
pub(crate) struct Caller(pub(crate) Identity);

/// Refuses whoever enters orders past the gateway (SEC-1). Where nobody proves who he is, there is nothing to go by.
pub(crate) fn check(extensions: &Extensions, route: &Route) -> Result<(), Problem> {
    match extensions.get() {
        Some(Caller(identity)) if enters_orders(route) && *identity != Identity::of_gateway() => {
            let detail = format!("orders come through the gateway; this is {identity}");
            Err(Problem::new(&kinds::NOT_THE_GATEWAY, detail))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether an order comes into being or grows.
fn enters_orders(route: &Route) -> bool {
    let below = |prefix: &str| route.path.starts_with(prefix);
    let adds = route.method == Method::POST || route.method == Method::PATCH;
    let is_block = below("/trading/blocks") && !route.path.ends_with("/refuse");
    adds && (below(crate::ORDER_ENTRY) || is_block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Routes;

    #[test]
    fn sec_1_orders_are_entered_by_the_gateway_only() {
        let routes = Routes::of(&crate::openapi());
        let check = |method: Method, path: &str, account: Option<&str>| {
            let mut who = Extensions::new();
            account.map(|account| who.insert(Caller(Identity::of(account).unwrap())));
            super::check(&who, routes.find(path, &method).unwrap())
        };
        for (method, path) in [
            (Method::POST, "/trading/orders"),
            (Method::POST, "/trading/orders/batch"),
            (Method::PATCH, "/trading/orders/{order}"),
            (Method::POST, "/trading/blocks"),
        ] {
            assert!(check(method.clone(), path, Some("order-service")).is_ok(), "{path}");
            assert!(check(method.clone(), path, None).is_ok(), "{path}");
            for other in ["risk-service", "trading-service", "anybody"] {
                let problem = check(method.clone(), path, Some(other)).unwrap_err();
                assert_eq!(problem.code(), "auth.not-the-gateway", "{path}");
            }
        }
        assert!(check(Method::GET, "/trading/orders", Some("risk-service")).is_ok());
        assert!(check(Method::DELETE, "/trading/orders/{order}", Some("risk-service")).is_ok());
    }
}
