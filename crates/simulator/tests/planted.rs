//! The simulator can fail: it finds every planted bug. Builds itself once more, with the bugs in it.

use std::path::Path;
use std::process::Command;

#[test]
fn every_planted_bug_is_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = root.join("target/planted");
    let build = ["build", "--release", "--locked", "-q", "-p", "simulator", "--target-dir"];
    let built = Command::new(env!("CARGO"))
        .current_dir(&root)
        .args(build)
        .arg(&target)
        .env("RUSTFLAGS", "--cfg planted")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .status()
        .unwrap();
    assert!(built.success());
    let simulator = target.join("release/simulator");
    let found = Command::new(simulator).args(["--planted", "all", "--seeds", "0..200"]).output().unwrap();
    let table = String::from_utf8(found.stdout).unwrap();
    assert!(found.status.success(), "not every planted bug is found:\n{table}");
    assert!(table.lines().count() > 2 + 25, "there are at least 25:\n{table}");
}
