//! Makes the code of `schemas/events.proto`, without a protobuf compiler of the system.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    const SCHEMAS: &str = "../../schemas";
    println!("cargo:rerun-if-changed={SCHEMAS}");
    let described = protox::compile(["events.proto"], [SCHEMAS])?;
    // As JSON, an event looks as it does here, and what is not said is left out.
    let mut config = prost_build::Config::new();
    config.type_attribute(".", "#[derive(serde::Serialize)]");
    config.compile_fds(described)?;
    Ok(())
}
