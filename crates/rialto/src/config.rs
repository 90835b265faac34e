//! What a service of a cluster is told: a file, and over it the environment.
//!
//! Invariant: a key that is not known is an error, wherever it stands, and so is a value that does not fit; all is read and
//! checked before anything is begun.

mod example;

use api::{Rate, Settings, Upstreams};
use bus::KafkaSettings;
use engine::{Context, Hosts};
use identity::{Credentials, Files, Identity, Transport};
use post::Peers;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::{Table, Value};
use traces::TraceSettings;

use crate::cli::Failure;
pub(crate) use example::{GATEWAY_EXAMPLE, example};

/// What the environment says instead of the file, key by key. Lists have commas between.
const OF_A_SERVICE: [(&str, &str); 18] = [
    ("RIALTO_DATA", "data"),
    ("RIALTO_KEYS", "keys"),
    ("RIALTO_LISTEN", "listen"),
    ("RIALTO_POST_LISTEN", "post_listen"),
    ("RIALTO_PROBE_LISTEN", "probe_listen"),
    ("RIALTO_ADVERTISE", "advertise"),
    ("DATABASE_URL", "database_url"),
    ("KAFKA_BROKERS", "kafka.brokers"),
    ("RIALTO_KAFKA_REPLICAS", "kafka.replicas"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "traces.endpoint"),
    ("RIALTO_TRACES_PERCENT", "traces.percent"),
    ("RIALTO_TLS_CERTIFICATE", "tls.certificate"),
    ("RIALTO_TLS_KEY", "tls.key"),
    ("RIALTO_TLS_AUTHORITIES", "tls.authorities"),
    ("RIALTO_PEERS_TRADING", "peers.trading"),
    ("RIALTO_PEERS_SETTLEMENT", "peers.settlement"),
    ("RIALTO_PEERS_RISK", "peers.risk"),
    ("RIALTO_PEERS_COMPLIANCE", "peers.compliance"),
];

/// The same for the gateway.
const OF_THE_GATEWAY: [(&str, &str); 15] = [
    ("RIALTO_DATA", "data"),
    ("RIALTO_KEYS", "keys"),
    ("RIALTO_LISTEN", "listen"),
    ("REDIS_URL", "redis_url"),
    ("RIALTO_RATE_PER_SECOND", "rate.per_second"),
    ("RIALTO_RATE_BURST", "rate.burst"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "traces.endpoint"),
    ("RIALTO_TRACES_PERCENT", "traces.percent"),
    ("RIALTO_TLS_CERTIFICATE", "tls.certificate"),
    ("RIALTO_TLS_KEY", "tls.key"),
    ("RIALTO_TLS_AUTHORITIES", "tls.authorities"),
    ("RIALTO_SERVICES_TRADING", "services.trading"),
    ("RIALTO_SERVICES_SETTLEMENT", "services.settlement"),
    ("RIALTO_SERVICES_RISK", "services.risk"),
    ("RIALTO_SERVICES_COMPLIANCE", "services.compliance"),
];

/// A service of a cluster.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceConfig {
    pub(crate) data: PathBuf,
    pub(crate) keys: Option<PathBuf>,
    pub(crate) listen: SocketAddr,
    pub(crate) post_listen: SocketAddr,
    pub(crate) probe_listen: Option<SocketAddr>,
    pub(crate) advertise: Option<String>,
    pub(crate) database_url: String,
    peers: Addresses,
    kafka: Option<Kafka>,
    traces: Option<Told>,
    tls: Option<Tls>,
}

/// Where events go.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kafka {
    brokers: String,
    #[serde(default = "usual_replicas", deserialize_with = "number")]
    replicas: u16,
}

/// As CON-3 has them.
fn usual_replicas() -> u16 {
    3
}

/// A number that a configuration can have.
trait Number: TryFrom<i64> {
    const MAX: u32;
}

impl Number for u16 {
    const MAX: u32 = u16::MAX as u32;
}

impl Number for u32 {
    const MAX: u32 = u32::MAX;
}

/// A number of 1 or more, or the text of one, as the environment has it.
fn number<'de, D: Deserializer<'de>, N: Number>(from: D) -> Result<N, D::Error> {
    let value = Value::deserialize(from)?;
    let number = match &value {
        Value::Integer(number) => Some(*number),
        Value::String(text) => text.parse().ok(),
        Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    };
    let wrong = || D::Error::custom(format!("must be a number from 1 to {}", N::MAX));
    number.filter(|number| *number > 0).and_then(|number| N::try_from(number).ok()).ok_or_else(wrong)
}

/// The gateway of a cluster.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatewayConfig {
    pub(crate) data: PathBuf,
    pub(crate) keys: Option<PathBuf>,
    pub(crate) listen: SocketAddr,
    redis_url: Option<String>,
    rate: Option<PrincipalRate>,
    services: Addresses,
    traces: Option<Told>,
    tls: Option<Tls>,
}

/// What one principal may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalRate {
    #[serde(deserialize_with = "number")]
    per_second: u32,
    #[serde(deserialize_with = "number")]
    burst: u32,
}

/// Who is told of traces.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    endpoint: String,
    #[serde(default = "all_of_them", deserialize_with = "number")]
    percent: u16,
}

/// As OBS-2 has them.
fn all_of_them() -> u16 {
    100
}

/// Where traces go, if anywhere.
fn traces(told: Option<&Told>) -> Result<Option<TraceSettings>, String> {
    let Some(Told { endpoint, percent }) = told.cloned() else { return Ok(None) };
    if percent > 100 {
        return Err("traces.percent: must be a number from 1 to 100".to_owned());
    }
    let settings = TraceSettings { endpoint, percent };
    settings.check().map_err(|error| format!("traces.endpoint: {error}"))?;
    Ok(Some(settings))
}

/// How a process proves who it is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    authorities: PathBuf,
}

/// What goes between processes: plain without a section `tls`, and else proved as `who`.
fn transport(tls: Option<&Tls>, who: &Identity) -> Result<Transport, String> {
    let Some(Tls { certificate, key, authorities }) = tls.cloned() else { return Ok(Transport::Plain) };
    let credentials = Credentials::open(Files { certificate, key, authorities });
    let credentials = credentials.map_err(|error| format!("tls: {error}"))?;
    if credentials.identity() != *who {
        return Err(format!("tls.certificate: is that of {}, and this is {who}", credentials.identity()));
    }
    Ok(Transport::Mutual(credentials))
}

/// Addresses of replicas, by service.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Addresses {
    #[serde(default)]
    trading: Vec<String>,
    #[serde(default)]
    settlement: Vec<String>,
    #[serde(default)]
    risk: Vec<String>,
    #[serde(default)]
    compliance: Vec<String>,
}

impl Addresses {
    fn by_context(&self) -> impl Iterator<Item = (Context, &[String])> {
        let Self { trading, settlement, risk, compliance } = self;
        Context::ALL.into_iter().zip([trading, settlement, risk, compliance].map(Vec::as_slice))
    }
}

/// Reads the file, if one is named, and over it the variables of the environment.
fn read<T: DeserializeOwned>(file: Option<&Path>, variables: &[(&str, &str)]) -> Result<T, Failure> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| Failure::Misuse(format!("cannot read {}: {error}", file.display())))?,
        None => String::new(),
    };
    let place = file.map_or_else(|| "the environment".to_owned(), |file| file.display().to_string());
    let said = variables.iter().filter_map(|(name, key)| Some((*key, std::env::var(name).ok()?)));
    parse(&text, said).map_err(|why| Failure::Misuse(format!("{place}: {why}")))
}

fn parse<'a, T: DeserializeOwned>(
    text: &str,
    said: impl IntoIterator<Item = (&'a str, String)>,
) -> Result<T, String> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| one_line(&error.to_string()))?;
    for (key, value) in said {
        put(&mut table, key, &value);
    }
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let path = error.path().to_string();
        let why = one_line(&error.into_inner().to_string());
        if path == "." { why } else { format!("{path}: {why}") }
    })
}

impl GatewayConfig {
    /// Reads the file, if one is named, and the environment.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        read(file, &OF_THE_GATEWAY)
    }

    /// How it talks to the services.
    pub(crate) fn transport(&self) -> Result<Transport, String> {
        transport(self.tls.as_ref(), &Identity::of_gateway())
    }

    /// Its bounds.
    pub(crate) fn settings(&self) -> Settings {
        let usual = Settings::default();
        let rate =
            self.rate.map_or(usual.rate, |PrincipalRate { per_second, burst }| Rate { per_second, burst });
        Settings { rate, ..usual }
    }

    /// Where it and other gateways tell each other what they let in, if there are others.
    pub(crate) fn redis(&self) -> Result<Option<redis::Client>, String> {
        let open =
            |url: &String| redis::Client::open(url.as_str()).map_err(|error| format!("redis_url: {error}"));
        self.redis_url.as_ref().map(open).transpose()
    }

    /// Where its traces go, if anywhere.
    pub(crate) fn traces(&self) -> Result<Option<TraceSettings>, String> {
        traces(self.traces.as_ref())
    }

    /// Where the services are.
    pub(crate) fn upstreams(&self, transport: Transport) -> Result<Upstreams, String> {
        let mut upstreams = Upstreams::over(transport);
        for (context, addresses) in self.services.by_context() {
            if addresses.is_empty() {
                return Err(format!("services.{context}: must name at least one replica of {context}"));
            }
            upstreams.add(context, addresses).map_err(|why| format!("services.{context}: {why}"))?;
        }
        Ok(upstreams)
    }
}

impl ServiceConfig {
    /// Reads the file, if one is named, and the environment.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        read(file, &OF_A_SERVICE)
    }

    /// Where its events go, if anywhere.
    pub(crate) fn kafka(&self) -> Result<Option<KafkaSettings>, String> {
        let Some(Kafka { brokers, replicas }) = self.kafka.clone() else { return Ok(None) };
        let is_address = |address: &str| {
            address
                .trim()
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        match brokers.split(',').find(|address| !is_address(address)) {
            Some(wrong) => {
                Err(format!("kafka.brokers: must be host:port, with commas between, and {wrong:?} is not"))
            }
            None => Ok(Some(KafkaSettings { brokers, replicas })),
        }
    }

    /// Where its traces go, if anywhere.
    pub(crate) fn traces(&self) -> Result<Option<TraceSettings>, String> {
        traces(self.traces.as_ref())
    }

    /// How it talks to the other processes.
    pub(crate) fn transport(&self, service: Context) -> Result<Transport, String> {
        transport(self.tls.as_ref(), &Identity::of_service(service))
    }

    /// Where the other services take messages of one that hosts these contexts.
    pub(crate) fn peers(&self, hosts: Hosts, transport: Transport) -> Result<Peers, String> {
        let mut peers = Peers::over(transport);
        for (context, addresses) in self.peers.by_context() {
            match (hosts.has(context), addresses.is_empty()) {
                (true, true) => {}
                (true, false) => {
                    return Err(format!("peers.{context}: is this service itself, and must be left out"));
                }
                (false, true) => {
                    return Err(format!("peers.{context}: must name at least one replica of {context}"));
                }
                (false, false) => {
                    let added = peers.add(context, 0, addresses);
                    added.map_err(|error| format!("peers.{context}: {error}"))?;
                }
            }
        }
        Ok(peers)
    }
}

/// Puts what a variable says in the place of what the file says.
fn put(table: &mut Table, key: &str, value: &str) {
    let Some((section, key)) = key.split_once('.') else {
        table.insert(key.to_owned(), Value::String(value.to_owned()));
        return;
    };
    let value = if ["peers", "services"].contains(&section) {
        let list = value.split(',').map(str::trim).filter(|item| !item.is_empty());
        Value::Array(list.map(|item| Value::String(item.to_owned())).collect())
    } else {
        Value::String(value.to_owned())
    };
    let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(section) = section {
        section.insert(key.to_owned(), value);
    }
}

/// The message without the picture of the place, which takes several lines.
fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim);
    let said: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.contains('|')).collect();
    said.join(" ")
}

#[cfg(test)]
mod tests;
