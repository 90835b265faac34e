//! `rialto events`: what is on Kafka, as JSON lines.

use bus::{Feed, KafkaSettings, Next, Received, Seen};
use clap::Args;
use engine::Context;
use serde::Serialize;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::cli::Failure;

/// How long Kafka may be silent before its end is reached.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long one look for more takes.
const LOOK: Duration = Duration::from_millis(200);

/// Options of `rialto events`.
#[derive(Args)]
pub(crate) struct EventsOptions {
    /// Some of the brokers, with commas between.
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_BROKERS")]
    brokers: String,
    /// Only those of a service: trading, settlement, risk or compliance. Can be given several times.
    #[arg(long, value_name = "SERVICE")]
    service: Vec<Context>,
    /// Only those of that name, such as OrderExecuted. Can be given several times.
    #[arg(long, value_name = "NAME")]
    event: Vec<String>,
    /// Only those with that key: an order, or else an account, an instrument or a participant.
    #[arg(long)]
    key: Option<String>,
    /// Goes on when there is no more, and waits for what comes.
    #[arg(long)]
    follow: bool,
}

/// A line: where it lies, and what it says.
#[derive(Serialize)]
struct Line<'a> {
    service: Context,
    name: &'a str,
    partition: i32,
    offset: i64,
    #[serde(flatten)]
    event: &'a bus::schema::Event,
}

/// Prints what the topics hold: each partition in order, and each event once.
pub(crate) fn run(options: &EventsOptions) -> Result<(), Failure> {
    let settings = KafkaSettings { brokers: options.brokers.clone(), replicas: 1 };
    let services = if options.service.is_empty() { &Context::ALL[..] } else { &options.service };
    let wrong = |error: bus::Unusable| Failure::Wrong(error.to_string());
    let mut feed = Feed::open(&settings, services).map_err(wrong)?;
    let (mut seen, mut heard) = (Seen::default(), Instant::now());
    let mut output = io::BufWriter::new(io::stdout().lock());
    loop {
        match feed.next(LOOK).map_err(wrong)? {
            Next::Event(received) => {
                heard = Instant::now();
                // A reader that has gone, as with `| head`, is no failure.
                if seen.is_new(received.context, received.partition, &received.event)
                    && options.means(&received)
                    && print(&mut output, &received).is_err()
                {
                    return Ok(());
                }
            }
            Next::End if !options.follow => {
                drop(output.flush());
                return Ok(());
            }
            Next::End | Next::Nothing => {
                if output.flush().is_err() {
                    return Ok(());
                }
                if !options.follow && heard.elapsed() > PATIENCE {
                    return Err(Failure::Wrong(format!(
                        "Kafka at {} has said nothing for {} s, and this is not the end",
                        options.brokers,
                        PATIENCE.as_secs()
                    )));
                }
            }
        }
    }
}

impl EventsOptions {
    fn means(&self, received: &Received) -> bool {
        (self.event.is_empty() || self.event.contains(&received.name))
            && self.key.as_ref().is_none_or(|key| *key == received.event.key)
    }
}

fn print(output: &mut impl Write, received: &Received) -> io::Result<()> {
    let Received { context, partition, offset, name, event, .. } = received;
    let line = Line { service: *context, name, partition: *partition, offset: *offset, event };
    serde_json::to_writer(&mut *output, &line)?;
    writeln!(output)
}
