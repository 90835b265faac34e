//! The operations of the gateway, by the service that they speak to.
//!
//! A handler reads what was asked into a command or a question, makes sure that what it is about is the caller's, and
//! writes the answer. Nothing is decided here.

pub(crate) mod compliance;
pub(crate) mod gateway;
mod reconciliation;
pub(crate) mod risk;
pub(crate) mod settlement;
mod stuck;
pub(crate) mod trace;
pub(crate) mod trading;

use crate::services::Api;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

/// All of them.
pub(crate) fn all() -> OpenApiRouter<Arc<Api>> {
    gateway::routes()
        .merge(trading::routes())
        .merge(settlement::routes())
        .merge(risk::routes())
        .merge(compliance::routes())
        .merge(reconciliation::routes())
        .merge(trace::routes())
        .merge(stuck::routes())
}
