//! The real binary: started, spoken to over HTTP and the command line, stopped, killed, started again.

#![allow(clippy::unwrap_used, reason = "what does not come out as expected ends the test")]

#[cfg(feature = "cluster")]
mod cluster;
mod command_line;
mod copies;
mod damage;
mod disk;
mod followers;
#[cfg(feature = "cluster")]
mod gateways;
mod hostile;
mod journals;
#[cfg(feature = "cluster")]
mod kafka;
mod kill;
#[cfg(feature = "cluster")]
mod load;
mod overload;
mod replay;
#[cfg(feature = "cluster")]
mod replicas;
#[cfg(feature = "cluster")]
mod restore;
mod resume;
mod retries;
mod scenarios;
mod server;
#[cfg(feature = "cluster")]
mod services;
mod tokens;
#[cfg(feature = "cluster")]
mod traced;
#[cfg(feature = "cluster")]
mod wires;
