//! What Rialto is measured against, each in the same run and on the same machine.

pub(crate) mod bare;
pub(crate) mod plain_file;
pub(crate) mod postgres;
