//! Makes the code of `schemas/post.proto`, without a protobuf compiler of the system.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    const SCHEMAS: &str = "../../schemas";
    println!("cargo:rerun-if-changed={SCHEMAS}");
    let described = protox::compile(["post.proto"], [SCHEMAS])?;
    tonic_prost_build::configure().compile_fds(described)?;
    Ok(())
}
