//! Operations of trading (SRV-1).

pub(crate) mod accounts;
mod assets;
pub(crate) mod blocks;
mod business_day;
pub(crate) mod history;
mod instruments;
pub(crate) mod order_entry;
pub(crate) mod orders;
mod participants;

use crate::services::Api;
use crate::streams;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(assets::list_assets, assets::define_asset))
        .routes(routes!(instruments::list_instruments, instruments::define_instrument))
        .routes(routes!(instruments::get_instrument))
        .routes(routes!(instruments::set_phase))
        .routes(routes!(instruments::set_reference_price))
        .routes(routes!(instruments::depth))
        .routes(routes!(instruments::indicative_auction))
        .routes(routes!(participants::list_participants, participants::register_participant))
        .routes(routes!(accounts::list_accounts, accounts::open_account))
        .routes(routes!(accounts::get_account))
        .routes(routes!(accounts::list_balances))
        .routes(routes!(accounts::deposit))
        .routes(routes!(accounts::withdraw))
        .routes(routes!(order_entry::place_order, history::list_orders, orders::cancel_orders))
        .routes(routes!(order_entry::place_orders))
        .routes(routes!(history::get_order, orders::replace_order, orders::cancel_order))
        .routes(routes!(history::trace_order))
        .routes(routes!(history::list_trades))
        .routes(routes!(business_day::get_business_day, business_day::open_business_day))
        .routes(routes!(blocks::list_blocks, blocks::propose_block))
        .routes(routes!(blocks::get_block))
        .routes(routes!(blocks::consent_block))
        .routes(routes!(blocks::refuse_block))
        .routes(routes!(streams::trading_stream))
}
