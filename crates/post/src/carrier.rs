//! How parcels get to other nodes.

use crate::peers::{PAUSE, Peer, Peers};
use crate::schema::Parcels;
use crate::schema::post_client::PostClient;
use crate::wire::{answered, packed};
use engine::Context;
use node::{Carrier, Parcel, ReturnPath};
use std::collections::BTreeMap;
use std::convert::Infallible;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// How many batches wait for one receiver. What is more is dropped: the courier hands it over again.
const BATCHES_MAX: usize = 16;
/// How many parcels travel together.
const PARCELS_MAX: usize = 1_024;
/// Brings parcels to other nodes by gRPC, a stream to each.
pub struct GrpcCarrier(BTreeMap<(Context, u16), mpsc::Sender<Vec<Parcel>>>);

impl GrpcCarrier {
    /// Begins to look for the peers, in tasks of `runtime` that end with the carrier.
    pub fn start(peers: &Peers, back: &ReturnPath, runtime: &Handle) -> Self {
        let lines = peers.all().map(|((context, shard), peers)| {
            let (line, parcels) = mpsc::channel(BATCHES_MAX);
            let postman = Line { context, shard, back: back.clone(), parcels };
            runtime.spawn(postman.run(peers));
            ((context, shard), line)
        });
        Self(lines.collect())
    }
}

impl Carrier for GrpcCarrier {
    fn carry(&mut self, parcels: Vec<Parcel>) {
        let mut sorted: BTreeMap<_, Vec<Parcel>> = BTreeMap::new();
        for parcel in parcels {
            sorted.entry((parcel.to, parcel.shard)).or_default().push(parcel);
        }
        for (to, parcels) in sorted {
            match self.0.get(&to) {
                // Too many wait, or nobody is there: they come again.
                Some(line) => drop(line.try_send(parcels)),
                None => tracing::warn!("no peer is known for {} of shard {}", to.0, to.1),
            }
        }
    }
}

/// What keeps one stream going, to whichever replica leads.
struct Line {
    context: Context,
    shard: u16,
    back: ReturnPath,
    parcels: mpsc::Receiver<Vec<Parcel>>,
}

/// Why a stream is over.
enum Over {
    /// It broke, or was not taken.
    Broken(Status),
    /// The carrier is gone.
    Done,
}

impl From<Status> for Over {
    fn from(status: Status) -> Self {
        Self::Broken(status)
    }
}

impl Line {
    async fn run(mut self, peers: Vec<Peer>) {
        for peer in peers.iter().cycle() {
            match self.keep(peer).await {
                Ok(never) => match never {},
                Err(Over::Done) => return,
                Err(Over::Broken(status)) => {
                    let (address, context) = (peer.address(), self.context);
                    tracing::debug!(%context, %address, why = status.message(), "the post is not taken");
                }
            }
            if self.parcels.is_closed() {
                return;
            }
            sleep(PAUSE).await;
        }
    }

    /// Exchanges with one replica for as long as it goes.
    async fn keep(&mut self, peer: &Peer) -> Result<Infallible, Over> {
        let channel = peer.connected().await?;
        let (out, batches) = mpsc::channel(BATCHES_MAX);
        let exchange = PostClient::new(channel).exchange(ReceiverStream::new(batches)).await;
        let mut answers = exchange?.into_inner();
        // What was handed over before went nowhere; all of it comes again now.
        while self.parcels.try_recv().is_ok() {}
        self.back.reached(self.context, self.shard);
        tracing::info!(context = %self.context, address = %peer.address(), "the post is taken");
        let (parcels, back) = (&mut self.parcels, &self.back);
        let sending = async {
            while let Some(given) = parcels.recv().await {
                for part in given.chunks(PARCELS_MAX) {
                    let batch = Parcels { parcels: part.iter().map(packed).collect() };
                    let sent = out.send(batch).await;
                    sent.map_err(|_| Status::unavailable("the stream is closed"))?;
                }
            }
            Err::<Infallible, _>(Over::Done)
        };
        let receiving = async {
            while let Some(said) = answers.message().await? {
                back.bring(said.answers.into_iter().filter_map(answered).collect());
            }
            Err::<Infallible, Over>(Status::unavailable("the stream has ended").into())
        };
        // Each goes on while the other has to wait, so that two full streams do not wait for one another.
        let (never, _) = tokio::try_join!(sending, receiving)?;
        Ok(never)
    }
}
