//! The real binary: started, spoken to over HTTP and the command line, stopped, killed, started again.

mod command_line;
mod kill;
mod scenarios;
mod server;
