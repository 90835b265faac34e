//! Where a server of a data directory listens, for the command line beside it.

use std::path::Path;

const FILE: &str = "server";

/// Notes the address.
pub(crate) fn write(data: &Path, base: &str) -> std::io::Result<()> {
    std::fs::write(data.join(FILE), format!("{base}\n"))
}

/// The noted address, if there is one.
pub(crate) fn read(data: &Path) -> Option<String> {
    std::fs::read_to_string(data.join(FILE)).ok().map(|text| text.trim().to_owned())
}

/// Takes the note away.
pub(crate) fn remove(data: &Path) {
    // The directory may be gone, and with it the note.
    drop(std::fs::remove_file(data.join(FILE)));
}
