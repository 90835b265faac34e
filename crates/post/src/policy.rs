//! Hearing which policy is in force, where compliance lives in another node.

use crate::peers::{PAUSE, Peer, Peers};
use crate::schema::WatchPolicyRequest;
use crate::schema::post_client::PostClient;
use compliance::Bundle;
use engine::Context;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::sleep;
use tonic::Status;

/// The largest bundle, in bytes.
const BUNDLE_SIZE_MAX: usize = 4 << 20;

/// Listens to whichever replica of compliance answers, in a task of `runtime` that ends with the receiver. What was heard
/// last is kept while nobody answers.
pub fn watch_policy(peers: &Peers, runtime: &Handle) -> watch::Receiver<Option<Arc<Bundle>>> {
    let (heard, policy) = watch::channel(None);
    let peers = peers.of(Context::Compliance, 0);
    runtime.spawn(async move {
        for peer in peers.iter().cycle() {
            let Err(status) = listen(peer, &heard).await;
            tracing::debug!(address = %peer.address(), why = status.message(), "the policy is not told");
            if heard.is_closed() {
                return;
            }
            sleep(PAUSE).await;
        }
    });
    policy
}

async fn listen(peer: &Peer, heard: &watch::Sender<Option<Arc<Bundle>>>) -> Result<Infallible, Status> {
    let client = PostClient::new(peer.connected().await?);
    let mut client = client.max_decoding_message_size(BUNDLE_SIZE_MAX);
    let mut policies = client.watch_policy(WatchPolicyRequest {}).await?.into_inner();
    while let Some(policy) = policies.message().await? {
        let bundle = minicbor::decode(&policy.bundle);
        let bundle: Bundle = bundle.map_err(|error| Status::invalid_argument(error.to_string()))?;
        heard.send_replace(Some(Arc::new(bundle)));
    }
    Err(Status::unavailable("the stream has ended"))
}
