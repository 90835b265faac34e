//! Gateways tell each other over Redis what they have let in.
//!
//! Redis keeps nothing: what one says, the others hear. Nobody waits for it; while it is away every gateway holds each
//! principal to his rate by itself.

use api::PrincipalRates;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_stream::StreamExt;

/// Where it is said.
const CHANNEL: &str = "rialto:let-in";
/// How often what was let in is told.
const ROUND: Duration = Duration::from_millis(50);
/// How often it is looked whether Redis is there while there is nothing to tell.
const LOOK: Duration = Duration::from_secs(1);
/// How long Redis may take for an answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait before another attempt.
const AGAIN: Duration = Duration::from_millis(250);

/// What a gateway says.
#[derive(Serialize, Deserialize)]
struct LetIn {
    /// Which gateway: none hears itself.
    gateway: String,
    /// How many requests of whom.
    taken: BTreeMap<String, u32>,
}

/// Tells and hears for as long as the process runs. `gateway` is a name that no other one has.
pub(crate) async fn share(rates: PrincipalRates, redis: Client, gateway: String) {
    let mut is_well = true;
    loop {
        let Err(error) = talk(&rates, &redis, &gateway, &mut is_well).await;
        rates.is_shared_now(false);
        if std::mem::take(&mut is_well) {
            tracing::warn!(%error, "rates are not shared with other gateways now");
        }
        sleep(AGAIN).await;
        // What nobody could be told of meanwhile counts only here.
        drop(rates.taken());
    }
}

/// Goes on until the connection is lost.
async fn talk(
    rates: &PrincipalRates,
    redis: &Client,
    gateway: &str,
    is_well: &mut bool,
) -> RedisResult<Infallible> {
    let patient = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let mut telling = redis.get_multiplexed_async_connection_with_config(&patient).await?;
    let hearing = async {
        let mut hearing = redis.get_async_pubsub().await?;
        hearing.subscribe(CHANNEL).await?;
        RedisResult::Ok(hearing.into_on_message())
    };
    let mut heard = timeout(PATIENCE, hearing).await.map_err(|_| lost(ErrorKind::TimedOut))??;
    rates.is_shared_now(true);
    if !std::mem::replace(is_well, true) {
        tracing::info!("rates are shared with other gateways again");
    }
    let mut round = interval(ROUND);
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Instant::now();
    loop {
        tokio::select! {
            message = heard.next() => match message {
                Some(message) => hear(rates, gateway, message.get_payload_bytes()),
                None => return Err(lost(ErrorKind::ConnectionReset)),
            },
            _ = round.tick() => {
                let taken = rates.taken();
                if !taken.is_empty() {
                    let taken = taken.into_iter().map(|(user, count)| (user.to_string(), count)).collect();
                    let said = LetIn { gateway: gateway.to_owned(), taken };
                    let said = serde_json::to_vec(&said).expect("plain data");
                    let _: () = redis::cmd("PUBLISH").arg(CHANNEL).arg(said).query_async(&mut telling).await?;
                    told = Instant::now();
                } else if told.elapsed() > LOOK {
                    let answered: RedisResult<()> = redis::cmd("PING").query_async(&mut telling).await;
                    answered?;
                    told = Instant::now();
                }
            }
        }
    }
}

fn lost(how: ErrorKind) -> RedisError {
    io::Error::from(how).into()
}

/// Charges what another gateway has let in. What is none of ours is passed over.
fn hear(rates: &PrincipalRates, own: &str, said: &[u8]) {
    let Ok(LetIn { gateway, taken }) = serde_json::from_slice(said) else { return };
    if gateway == own {
        return;
    }
    for (user, count) in taken {
        if let Ok(user) = user.parse() {
            rates.charge(user, count);
        }
    }
}
