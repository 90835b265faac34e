//! `rialto serve`: one service of a cluster, with its own database, or the gateway before them all.

use api::{PrincipalRates, SigningKey, TokenVerifier};
use clap::{Args, Subcommand};
use engine::{Context, Hosts, UnknownContext};
use identity::{Credentials, Transport};
use std::fmt;
use std::net::TcpListener;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::cli::Failure;
use crate::config::{GATEWAY_EXAMPLE, GatewayConfig, ServiceConfig, example};
use crate::output::say;
use crate::rates;
use crate::replica::{self, Neighbours, Role};
use crate::up::Place;

/// What a process of a cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Gateway,
    Service(Context),
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "gateway" {
            return Ok(Self::Gateway);
        }
        let service = text.parse().map(Self::Service);
        service.map_err(|_: UnknownContext| {
            "must be gateway, trading, settlement, risk or compliance".to_owned()
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => f.write_str("gateway"),
            Self::Service(context) => context.fmt(f),
        }
    }
}

/// Options of `rialto serve`.
#[derive(Args)]
pub(crate) struct ServeOptions {
    /// What to be: gateway, trading, settlement, risk or compliance.
    part: Part,
    /// The configuration file; `rialto config example` prints one. What the environment says counts more.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What can be done with configurations.
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Reads a configuration, and says what is wrong with it.
    Check(ServeOptions),
    /// Prints a configuration with everything in it.
    Example {
        /// For what: gateway, trading, settlement, risk or compliance.
        part: Part,
    },
}

/// Runs one of them.
pub(crate) fn config(command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check(ServeOptions { part, config }) => match part {
            Part::Gateway => {
                let config = GatewayConfig::read(config.as_deref())?;
                let transport = config.transport().map_err(Failure::Misuse)?;
                config.upstreams(transport).map_err(Failure::Misuse)?;
                config.redis().map_err(Failure::Misuse)?;
                config.traces().map_err(Failure::Misuse)?;
                say!("{part} on {}", config.listen);
            }
            Part::Service(service) => {
                let config = ServiceConfig::read(config.as_deref())?;
                let (role, _) = role(*service, &config)?;
                say!("{part} on {}, journal in {}", config.listen, role.database.place());
            }
        },
        ConfigCommand::Example { part: Part::Gateway } => say!("{}", GATEWAY_EXAMPLE.trim_end()),
        ConfigCommand::Example { part: Part::Service(service) } => say!("{}", example(*service).trim_end()),
    }
    Ok(())
}

/// Runs until SIGINT or SIGTERM; a service also until it has led and does no more.
pub(crate) fn run(options: &ServeOptions) -> Result<(), Failure> {
    match options.part {
        Part::Gateway => gateway(&GatewayConfig::read(options.config.as_deref())?),
        Part::Service(service) => serve(service, &ServiceConfig::read(options.config.as_deref())?),
    }
}

fn serve(service: Context, config: &ServiceConfig) -> Result<(), Failure> {
    let (mut role, transport) = role(service, config)?;
    let place = Place::at(config.listen, &config.data)?.over(transport.clone(), config.probe_listen)?;
    let listener = TcpListener::bind(config.post_listen);
    let listener = listener.map_err(|error| {
        Failure::Misuse(format!("cannot listen on {} for messages: {error}", config.post_listen))
    })?;
    let peers = config.peers(role.hosts, transport.clone()).map_err(Failure::Misuse)?;
    role.neighbours = Some(Neighbours { listener, transport, peers });
    replica::run(place, role)
}

/// What follows from a service's configuration.
fn role(service: Context, config: &ServiceConfig) -> Result<(Role, Transport), Failure> {
    let hosts = Hosts::only(&[service]);
    let transport = config.transport(service).map_err(Failure::Misuse)?;
    config.peers(hosts, transport.clone()).map_err(Failure::Misuse)?;
    let role = Role {
        hosts,
        database: replica::parse(&config.database_url)?,
        advertise: config.advertise.clone(),
        keys: config.keys.clone(),
        kafka: config.kafka().map_err(Failure::Misuse)?,
        traces: config.traces().map_err(Failure::Misuse)?,
        neighbours: None,
    };
    Ok((role, transport))
}

/// Says how connections between processes are, and has certificates read again that change.
pub(crate) fn keep_current(transport: &Transport, place: &Place<'_>) {
    match transport {
        Transport::Plain => {
            tracing::warn!(
                "connections between processes are neither encrypted nor proved: there is no section tls"
            );
        }
        Transport::Mutual(credentials) => {
            say!("  identity             {}", credentials.identity());
            place.runtime.spawn(Credentials::watch(Arc::downgrade(credentials)));
        }
    }
}

fn gateway(config: &GatewayConfig) -> Result<(), Failure> {
    let transport = config.transport().map_err(Failure::Misuse)?;
    let upstreams = config.upstreams(transport.clone()).map_err(Failure::Misuse)?;
    let redis = config.redis().map_err(Failure::Misuse)?;
    let traces = config.traces().map_err(Failure::Misuse)?;
    replica::make_directory(&config.data)?;
    let keys = config.keys.as_deref().unwrap_or(&config.data);
    let key = SigningKey::open(keys).map_err(anyhow::Error::from)?;
    let tokens = TokenVerifier::new(&key, &config.data).map_err(anyhow::Error::from)?;
    let place = Place::at(config.listen, &config.data)?.told(traces.as_ref(), None)?;
    let stop = place.open()?;
    say!("rialto is up: {}", place.base);
    say!("  service              gateway");
    keep_current(&transport, &place);
    say!("  browse the API       {}/docs", place.base);
    let settings = config.settings();
    let rates = match redis {
        Some(redis) => {
            let rates = PrincipalRates::shared(settings.rate);
            let name = format!("{} {}", place.base, replica::own_name());
            place.runtime.spawn(rates::share(rates.clone(), redis, name));
            rates
        }
        None => PrincipalRates::alone(settings.rate),
    };
    let traces = place.request_traces();
    let router = || api::gateway(tokens, settings, rates, upstreams, traces);
    Ok(place.serve_router(router, stop)?)
}
