//! Assets: what accounts hold.

use crate::answer::{self, Answer, Done, List, done};
use crate::call::Call;
use crate::forms;
use crate::services::Api;
use axum::extract::State;
use engine::Command;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vocabulary::{Asset, AssetId, AssetKind};

/// An asset.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssetBody {
    /// Its code.
    #[schema(value_type = forms::Code, example = "CNY")]
    asset: AssetId,
    /// `currency` or `security`.
    #[schema(value_type = forms::AssetKind, example = "currency")]
    kind: AssetKind,
    /// Decimals of its minor unit, 0 to 12.
    #[schema(example = 2, maximum = 12)]
    scale: u8,
}

/// Makes an asset known. Defining the same one again changes nothing.
#[utoipa::path(post, path = "/trading/assets", tag = "reference data", request_body = AssetBody,
    responses((status = 200, description = "Defined", body = Done)))]
pub(crate) async fn define_asset(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let AssetBody { asset, kind, scale } = call.read()?;
    let define = trading::Command::DefineAsset(Asset { asset, kind, scale });
    done(&api.submit(call.request(Command::Trading(define))).await?)
}

/// All assets.
#[utoipa::path(get, path = "/trading/assets", tag = "reference data",
    responses((status = 200, description = "By code", body = List<AssetBody>)))]
pub(crate) async fn list_assets(State(api): State<Arc<Api>>, _call: Call) -> Answer {
    let look = |state: &engine::State| -> Vec<Asset> { state.trading.assets().values().copied().collect() };
    let (position, assets) = api.look(look).await?;
    let body = |Asset { asset, kind, scale }| AssetBody { asset, kind, scale };
    answer::ok(position, &List { items: assets.into_iter().map(body).collect() })
}
