//! Both logs as whole files: what they say, how they come back after a failure, and what verification finds.

mod coverage;
mod derived;
mod flaws;
mod golden;
mod market;
mod recovery;
