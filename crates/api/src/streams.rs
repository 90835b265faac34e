//! Event streams (server-sent events, HTML section 9.2): orders, trades and books, and risk alerts.
//!
//! Invariant: a stream is told everything it asked for, in order, or is told that it missed some and ended. A client
//! that does not read is cut off. Bounded: so many streams, each with so many messages waiting.

use crate::auth::Principal;
use crate::call::{Call, Filter};
use crate::forms;
use crate::live::{Channel, Heard, Item};
use crate::problem::{Problem, kinds};
use crate::server::Closing;
use crate::services::Api;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::response::Response;
use http_body::{Body as HttpBody, Frame};
use serde::Deserialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use vocabulary::InstrumentId;

/// How many messages wait for one client's connection.
const WAITING_MAX: usize = 64;
/// How long a client may not read before it is cut off.
const STALLED_MAX: Duration = Duration::from_secs(10);
/// How often something is sent, so that what lies between does not take the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a stream is to be about.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamFilter {
    /// `orders`, `trades`, `book`, separated by commas; all of them if left out.
    #[param(example = "orders,trades", pattern = "^(orders|trades|book)(,(orders|trades|book))*$")]
    channels: Option<String>,
    /// Only this instrument.
    #[param(value_type = Option<forms::Code>, example = "600519")]
    instrument: Option<InstrumentId>,
}

/// Orders, trades and books as they happen. A trader hears of his own orders; trades and books are for everybody.
///
/// Events are named after their channel; `id` is the position. An event `lagged` means that messages were missed: the
/// stream ends, and its client reads the lists from the last position on and connects again.
#[utoipa::path(get, path = "/trading/stream", tag = "market", params(StreamFilter),
    responses((status = 200, description = "An event stream", content_type = "text/event-stream", body = String)))]
pub(crate) async fn trading_stream(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(filter): Filter<StreamFilter>,
    closing: Option<Extension<Closing>>,
) -> Result<Response, Problem> {
    let channels = read_channels(filter.channels.as_deref())?;
    open(&api, Wanted { channels, instrument: filter.instrument, principal: call.principal }, closing)
}

/// Risk alerts as they are raised.
#[utoipa::path(get, path = "/risk/alerts/stream", tag = "risk",
    responses((status = 200, description = "An event stream", content_type = "text/event-stream", body = String)))]
pub(crate) async fn alert_stream(
    State(api): State<Arc<Api>>,
    call: Call,
    closing: Option<Extension<Closing>>,
) -> Result<Response, Problem> {
    let channels = vec![Channel::Alerts];
    open(&api, Wanted { channels, instrument: None, principal: call.principal }, closing)
}

fn read_channels(text: Option<&str>) -> Result<Vec<Channel>, Problem> {
    let all = [Channel::Orders, Channel::Trades, Channel::Book];
    let Some(text) = text else { return Ok(all.to_vec()) };
    let find = |name: &str| {
        let found = all.into_iter().find(|channel| channel.as_str() == name);
        found.ok_or_else(|| {
            let detail = "channels must be some of orders, trades, book, separated by commas";
            Problem::new(&kinds::INVALID_QUERY, detail).in_field("channels")
        })
    };
    text.split(',').map(find).collect()
}

/// What one client wants, and what he may see.
struct Wanted {
    channels: Vec<Channel>,
    instrument: Option<InstrumentId>,
    principal: Arc<Principal>,
}

impl Wanted {
    fn takes(&self, item: &Item) -> bool {
        let own = || item.owner == Some(self.principal.user);
        self.channels.contains(&item.channel)
            && (self.instrument.is_none() || self.instrument == item.instrument)
            && (item.channel != Channel::Orders || !self.principal.is_confined() || own())
    }
}

fn open(api: &Arc<Api>, wanted: Wanted, closing: Option<Extension<Closing>>) -> Result<Response, Problem> {
    let streams_max = i64::try_from(api.settings.streams_max).unwrap_or(i64::MAX);
    if api.metrics.streams.inc() >= streams_max {
        api.metrics.streams.dec();
        let problem = Problem::new(&kinds::TOO_MANY_STREAMS, "all event streams are taken");
        return Err(problem.retry_after_s(10));
    }
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let (api, heard) = (Arc::clone(api), api.live.listen());
    tokio::spawn(async move {
        serve(&api, heard, &wanted, sender, closing.map(|Extension(closing)| closing)).await;
        api.metrics.streams.dec();
    });
    let mut response = crate::answer::document("text/event-stream", Body::new(Messages(receiver)));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Passes on what is wanted until the client goes, is too slow, or the gateway closes.
async fn serve(
    api: &Api,
    mut heard: Receiver<Heard>,
    wanted: &Wanted,
    sender: mpsc::Sender<Bytes>,
    closing: Option<Closing>,
) {
    let closed = async {
        match closing {
            Some(closing) => closing.wait().await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(closed);
    let hello = Bytes::from_static(b": welcome\nretry: 2000\n\n");
    if sender.send(hello).await.is_err() {
        return;
    }
    loop {
        let items = tokio::select! {
            () = &mut closed => return,
            () = sender.closed() => return,
            heard = tokio::time::timeout(KEEP_ALIVE, heard.recv()) => match heard {
                Err(_) => Some(Vec::from([Bytes::from_static(b": still here\n\n")])),
                Ok(Ok(Heard::Items(items))) => {
                    let wanted = items.iter().filter(|item| wanted.takes(item));
                    Some(wanted.map(|item| item.frame.clone()).collect())
                }
                Ok(Ok(Heard::Missed) | Err(RecvError::Lagged(_))) => None,
                Ok(Err(RecvError::Closed)) => return,
            },
        };
        let Some(items) = items else {
            api.metrics.streams_lagged.inc();
            let lagged = Bytes::from_static(b"event: lagged\ndata: {}\n\n");
            drop(sender.send_timeout(lagged, STALLED_MAX).await);
            return;
        };
        for item in items {
            if sender.send_timeout(item, STALLED_MAX).await.is_err() {
                api.metrics.streams_lagged.inc();
                return;
            }
        }
    }
}

/// Messages as the body of an answer.
struct Messages(mpsc::Receiver<Bytes>);

impl HttpBody for Messages {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|message| message.map(|bytes| Ok(Frame::data(bytes))))
    }
}
