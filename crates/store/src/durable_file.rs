//! Making names and contents of files durable, which the operating system does only on request.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes the names in `dir` durable: created, renamed and deleted files.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Makes what is written to `file` durable; a file that does not exist has nothing to lose.
pub(crate) fn sync_if_exists(file: &Path) -> io::Result<()> {
    match File::open(file) {
        Ok(file) => file.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
