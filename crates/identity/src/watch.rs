//! Reading credentials again when their files have changed.

use std::path::PathBuf;
use std::sync::Weak;
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

use crate::credentials::{Credentials, Files};

/// How often it is looked whether they have.
const ROUND: Duration = Duration::from_secs(1);

/// When the files were last written, as far as they are there.
pub(crate) type Stamp = [Option<SystemTime>; 3];

impl Credentials {
    /// Reads them again whenever a file has changed, for as long as somebody uses them. Ones that cannot be used are told of
    /// in the log, and the last good ones stay.
    pub async fn watch(this: Weak<Self>) {
        let Some(mut seen) = this.upgrade().map(|credentials| credentials.opened()) else { return };
        loop {
            sleep(ROUND).await;
            let Some(credentials) = this.upgrade() else { return };
            let now = credentials.files().stamp();
            if now == seen {
                continue;
            }
            match credentials.reload() {
                Ok(()) => {
                    tracing::info!(identity = %credentials.identity(), until = %credentials.until(), "new certificate");
                }
                // One file may be written before the other; the next change is looked at as well.
                Err(error) => {
                    tracing::error!(%error, "the new certificate cannot be used; the last one stays")
                }
            }
            seen = now;
        }
    }
}

impl Files {
    pub(crate) fn stamp(&self) -> Stamp {
        let written = |path: &PathBuf| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        [&self.certificate, &self.key, &self.authorities].map(written)
    }
}
