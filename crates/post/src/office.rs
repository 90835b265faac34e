//! Where parcels arrive.

use crate::arrivals::arrivals;
use crate::schema::post_server::{Post, PostServer};
use crate::schema::{Answers, Parcels, Policy, WatchPolicyRequest};
use crate::wire::{answer, unpacked};
use engine::{Answer, Context, Hosts, MessageId};
use identity::{Identity, Peer, Transport};
use node::{NodeHandle, Unavailable};
use std::future::Future;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::{Extensions, Request, Response, Status, Streaming};

/// How many batches of answers may wait for a sender that does not take them. Then no more parcels are taken from it.
const BATCHES_MAX: usize = 64;
/// How often it is looked whether another policy is in force.
const POLICY_ROUND: Duration = Duration::from_millis(250);
/// The largest batch of parcels, in bytes.
const BATCH_SIZE_MAX: usize = 8 << 20;

/// Takes parcels in for one node.
#[derive(Clone)]
pub struct PostOffice {
    node: NodeHandle,
    hosts: Hosts,
    shard: u16,
}

impl PostOffice {
    /// For a node of that shard which hosts those contexts.
    pub fn new(node: NodeHandle, hosts: Hosts, shard: u16) -> Self {
        Self { node, hosts, shard }
    }

    /// Serves until `shutdown`.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        transport: Transport,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error> {
        let service = PostServer::new(self).max_decoding_message_size(BATCH_SIZE_MAX);
        let arrivals = ReceiverStream::new(arrivals(listener, transport));
        Server::builder().add_service(service).serve_with_incoming_shutdown(arrivals, shutdown).await
    }

    /// Hands a batch to the node. What comes out answers it, later.
    fn take(
        &self,
        batch: &Parcels,
        caller: &Peer,
    ) -> Result<impl Future<Output = Result<Vec<(MessageId, Answer)>, Unavailable>> + use<>, Status> {
        let mut requests = Vec::with_capacity(batch.parcels.len());
        for parcel in &batch.parcels {
            let parcel = unpacked(parcel)?;
            if !self.hosts.has(parcel.to) || !self.is_own_shard(parcel.to, parcel.shard) {
                let what = format!("{} of shard {} is not here", parcel.to, parcel.shard);
                return Err(Status::failed_precondition(what));
            }
            if !caller.may_be(&Identity::of_service(parcel.message.from)) {
                let what = format!("a message of {} from somebody else", parcel.message.from);
                return Err(Status::permission_denied(what));
            }
            requests.push((parcel.message, parcel.request));
        }
        self.node.deliver(requests).map_err(|unavailable| unwilling(&unavailable))
    }

    /// Only trading has shards that are told apart.
    fn is_own_shard(&self, to: Context, shard: u16) -> bool {
        to != Context::Trading || shard == self.shard
    }

    /// Tells which policy is in force, for as long as somebody listens.
    async fn tell_policies(self, listener: mpsc::Sender<Result<Policy, Status>>) {
        let mut told = None;
        while !listener.is_closed() {
            let looked = self.node.read(|state| state.compliance.bundle().cloned()).await;
            if let Ok((_, Some(bundle))) = looked
                && told.as_ref() != Some(&bundle)
            {
                let bytes = minicbor::to_vec(&bundle).expect("a bundle encodes into memory");
                if listener.send(Ok(Policy { bundle: bytes })).await.is_err() {
                    return;
                }
                told = Some(bundle);
            }
            sleep(POLICY_ROUND).await;
        }
    }

    async fn answer(
        self,
        mut arriving: Streaming<Parcels>,
        caller: Peer,
        back: mpsc::Sender<Result<Answers, Status>>,
    ) {
        loop {
            let batch = match arriving.message().await {
                Ok(Some(batch)) => batch,
                Ok(None) | Err(_) => return,
            };
            match self.take(&batch, &caller) {
                Ok(answered) => {
                    let Ok(place) = back.clone().reserve_owned().await else { return };
                    tokio::spawn(async move {
                        // Without an answer they will be sent again.
                        if let Ok(answers) = answered.await {
                            let answers =
                                answers.into_iter().map(|(message, said)| answer(message, said)).collect();
                            place.send(Ok(Answers { answers }));
                        }
                    });
                }
                Err(status) => {
                    // The sender may be gone, which is as good.
                    let _ = back.send(Err(status)).await;
                    return;
                }
            }
        }
    }
}

/// What a sender is told. One that is told to come later tries another replica, and then this one again.
fn unwilling(unavailable: &Unavailable) -> Status {
    Status::unavailable(unavailable.to_string())
}

/// Who calls. Only the services have anything to say here.
fn caller(extensions: &Extensions) -> Result<Peer, Status> {
    let caller: Option<&Peer> = extensions.get();
    let is_service =
        |peer: &&Peer| Context::ALL.into_iter().any(|context| peer.may_be(&Identity::of_service(context)));
    let refused = || Status::permission_denied("messages are taken from the services only");
    caller.filter(is_service).cloned().ok_or_else(refused)
}

#[tonic::async_trait]
impl Post for PostOffice {
    type ExchangeStream = ReceiverStream<Result<Answers, Status>>;

    async fn exchange(
        &self,
        request: Request<Streaming<Parcels>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let caller = caller(request.extensions())?;
        if !self.node.status().leading {
            return Err(unwilling(&Unavailable::NotLeading));
        }
        let (back, answers) = mpsc::channel(BATCHES_MAX);
        tokio::spawn(self.clone().answer(request.into_inner(), caller, back));
        Ok(Response::new(ReceiverStream::new(answers)))
    }

    type WatchPolicyStream = ReceiverStream<Result<Policy, Status>>;

    async fn watch_policy(
        &self,
        request: Request<WatchPolicyRequest>,
    ) -> Result<Response<Self::WatchPolicyStream>, Status> {
        caller(request.extensions())?;
        if !self.hosts.has(Context::Compliance) {
            return Err(Status::failed_precondition("compliance is not here"));
        }
        let (listener, policies) = mpsc::channel(1);
        tokio::spawn(self.clone().tell_policies(listener));
        Ok(Response::new(ReceiverStream::new(policies)))
    }
}
