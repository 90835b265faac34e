//! Where a journal lies: in a data directory, or in a PostgreSQL database.

use clap::Args;
use engine::Hosts;
use node::journal::{Journal, JournalReader};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use store::sqlite::SqliteJournal;
use store::{Check, Founding};

use crate::cli::Failure;
use crate::embedded;
#[cfg(feature = "cluster")]
use crate::embedded::SHARD;
#[cfg(feature = "cluster")]
use store::postgres::{Database, PostgresJournal, PostgresReader};

/// Which journal to read.
#[derive(Args)]
pub(super) struct Source {
    /// The data directory.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// The PostgreSQL database, instead of a data directory.
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    database: Option<String>,
}

impl Source {
    pub(super) fn reader(&self) -> Result<Box<dyn JournalReader>, Failure> {
        self.place()?.reader()
    }

    /// The contexts that the journal's node hosts.
    pub(super) fn hosts(&self) -> Result<Hosts, Failure> {
        Ok(embedded::hosts(&self.place()?.founding()?)?)
    }

    fn place(&self) -> Result<Place, Failure> {
        #[cfg(feature = "cluster")]
        if let Some(database) = &self.database {
            return Place::in_database(database);
        }
        Ok(Place::Directory(self.data.clone()))
    }
}

/// A data directory or a database.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Directory(PathBuf),
    #[cfg(feature = "cluster")]
    Database(Box<Database>),
}

impl FromStr for Place {
    type Err = String;

    /// What begins like a database's URL is one; anything else is a directory.
    fn from_str(text: &str) -> Result<Self, String> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(Self::Directory(PathBuf::from(text)));
        }
        #[cfg(feature = "cluster")]
        return text
            .parse()
            .map(|database| Self::Database(Box::new(database)))
            .map_err(|error: store::postgres::Unusable| error.to_string());
        #[cfg(not(feature = "cluster"))]
        Err("this build knows no PostgreSQL: build it with --features cluster".to_owned())
    }
}

impl Place {
    /// What an address names, whatever it begins with. It may hold a password, so it is read here and not with the
    /// command line, which would print it.
    #[cfg(feature = "cluster")]
    pub(crate) fn in_database(address: &str) -> Result<Self, Failure> {
        Ok(Self::Database(Box::new(crate::replica::parse(address)?)))
    }

    /// A handle to read it with; there must be one.
    pub(crate) fn reader(&self) -> Result<Box<dyn JournalReader>, Failure> {
        match self {
            Self::Directory(data) => Ok(Box::new(embedded::reader(data)?)),
            #[cfg(feature = "cluster")]
            Self::Database(database) => Ok(Box::new(PostgresReader::open(database, SHARD).map_err(misuse)?)),
        }
    }

    /// What it was founded with.
    pub(super) fn founding(&self) -> Result<Founding, Failure> {
        match self {
            Self::Directory(data) => Ok(embedded::reader(data)?.founding().clone()),
            #[cfg(feature = "cluster")]
            Self::Database(database) => {
                PostgresReader::open(database, SHARD).and_then(|reader| reader.founding()).map_err(misuse)
            }
        }
    }

    /// Opens it for writing, founded like that if there is none. From now on no other writer can add to it.
    pub(super) fn writer(&self, founding: &Founding) -> Result<Box<dyn Journal>, Failure> {
        match self {
            Self::Directory(data) => Ok(Box::new(sqlite(data, founding)?)),
            #[cfg(feature = "cluster")]
            Self::Database(database) => {
                Ok(Box::new(PostgresJournal::open(database, founding, Check::Tail).map_err(misuse)?))
            }
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Directory(data) => data.display().to_string(),
            #[cfg(feature = "cluster")]
            Self::Database(database) => database.place().to_owned(),
        }
    }
}

fn sqlite(data: &Path, founding: &Founding) -> Result<SqliteJournal, Failure> {
    SqliteJournal::open(data, founding, Check::Tail).map_err(misuse)
}

fn misuse(error: impl std::fmt::Display) -> Failure {
    Failure::Misuse(error.to_string())
}
