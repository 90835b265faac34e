//! The HTTP gateway (SRV-5) and the operations of the four services.
//!
//! A request passes the [`gate`], which knows who may do what and in which order a request is refused; an operation
//! reads it into a command for the node, or a question to the node's state or the views; the answer goes back with the
//! position that it stands for. Invariant: nothing is decided here, and no answer tells of anything that is not durable.
//! Absent on purpose: TLS towards clients, which stands before it.

mod access;
mod answer;
mod auth;
mod body;
mod call;
#[cfg(feature = "gateway")]
mod caller;
mod catalog;
mod correlation;
mod decimals;
mod decisions;
mod events;
mod forms;
mod gate;
#[cfg(feature = "gateway")]
mod gateway;
mod json;
mod live;
mod metrics;
mod openapi;
mod operations;
mod ownership;
mod problem;
mod rate;
mod reads;
mod refusals;
mod remembered;
mod report_rows;
mod reports;
mod routes;
mod rows;
mod server;
mod services;
mod streams;
#[cfg(feature = "gateway")]
mod traced;

pub use answer::POSITION_HEADER;
pub use auth::{
    KeyError, Minted, Principal, Role, Roles, SigningKey, TokenFault, TokenIssuer, TokenVerifier,
};
pub use axum::Router;
pub use events::{
    EventTraffic, OpenItem, OpenStatement, ReconciliationFigure, ReconciliationReport, RelayFigure,
};
#[cfg(feature = "gateway")]
pub use gateway::{PrincipalRates, Upstreams, gateway};
pub use rate::Rate;
pub use server::serve;
#[cfg(feature = "gateway")]
pub use server::serve_over;
pub use services::{Services, Settings, ToldPolicy};
#[cfg(feature = "gateway")]
pub use traced::{AnsweredRequest, RequestTraces, TraceFigure};

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use call::Call;
use operations::trading::order_entry;
use problem::{Problem, kinds};
use routes::Routes;
use services::Api;
use std::convert::Infallible;
use std::sync::Arc;
use tower::Service;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// Where orders come in.
const ORDER_ENTRY: &str = "/trading/orders";

/// Of a router only what probes ask for.
#[cfg(feature = "gateway")]
pub fn probes(router: Router) -> Router {
    let ask = move |mut request: Request| {
        // What this router has found out about the path is not for the other.
        request.extensions_mut().clear();
        let mut router = router.clone();
        async move { router.call(request).await.unwrap_or_else(|never| match never {}) }
    };
    let paths = ["/healthz", "/readyz", "/metrics"];
    paths.into_iter().fold(Router::new(), |probes, path| probes.route(path, axum::routing::get(ask.clone())))
}

/// The gateway over these services.
///
/// # Panics
/// Outside of a tokio runtime: it follows the node's feed in a task.
pub fn router(services: Services) -> Router {
    let (router, document) = described();
    let text = serde_json::to_vec(&document).expect("a document is plain data");
    let (feed, policy) = (services.node.subscribe(), services.policy.clone());
    #[cfg(feature = "gateway")]
    let traces = services.traces.clone();
    let api = Arc::new(Api::new(services, Routes::of(&document), text.into()));
    tokio::spawn(live::follow(Arc::downgrade(&api), feed, policy));
    let operations =
        router.layer(from_fn_with_state(Arc::clone(&api), gate::gate)).with_state(Arc::clone(&api));
    let router = Router::new().fallback_service(order_lane(api, operations));
    #[cfg(feature = "gateway")]
    if let Some(traces) = traces {
        return traced::traced(router, traced::Hop::Service, traces);
    }
    router
}

/// Leads order entry to its handler straight through the gate, and everything else to the router of all operations.
/// That router makes each request a copy of its layers, which is a tenth of what an order costs here.
fn order_lane(
    api: Arc<Api>,
    operations: Router,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync {
    let order_entry = api.routes.find(ORDER_ENTRY, &Method::POST).cloned();
    let order_entry = order_entry.expect("order entry is one of the operations");
    tower::service_fn(move |request: Request| {
        let (api, order_entry, mut operations) =
            (Arc::clone(&api), Arc::clone(&order_entry), operations.clone());
        async move {
            if request.uri().path() != ORDER_ENTRY || request.method() != Method::POST {
                return operations.call(request).await;
            }
            let handler = Arc::clone(&api);
            let run = |_, call: Option<Call>| async move {
                let call = call.ok_or_else(|| Problem::new(&kinds::INTERNAL, "order entry needs a token"))?;
                order_entry::place_order(State(handler), call).await
            };
            Ok(gate::through(&api, Ok(order_entry), request, run).await)
        }
    })
}

/// The OpenAPI 3.1 document of the gateway.
pub fn openapi() -> OpenApi {
    described().1
}

fn described() -> (Router<Arc<Api>>, OpenApi) {
    let operations = OpenApiRouter::with_openapi(openapi::base()).merge(operations::all());
    let (router, mut document) = operations.split_for_parts();
    openapi::complete(&mut document);
    (router, openapi::bounded(&document))
}

#[cfg(test)]
mod tests;
