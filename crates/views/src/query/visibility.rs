//! Who sees what: an account's owner sees its own, and of a trade only its own side.

use vocabulary::{AccountId, UserId};

use crate::error::ViewsError;
use crate::reader::Snapshot;

/// Whose rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody's.
    All,
    /// Those of the accounts of this owner.
    Owner(UserId),
}

impl Snapshot {
    /// The accounts that a list is confined to: the one asked for, if it is seen; all that are seen, if none is asked
    /// for; none: not confined.
    pub(crate) fn confined(
        &self,
        account: Option<AccountId>,
        visibility: Visibility,
    ) -> Result<Option<Vec<AccountId>>, ViewsError> {
        let owner = match visibility {
            Visibility::All => return Ok(account.map(|account| vec![account])),
            Visibility::Owner(owner) => owner,
        };
        let owned = self.all(
            "SELECT account FROM accounts WHERE owner = ? ORDER BY account",
            [owner.0.as_str()],
            |c| c.id::<AccountId>(),
        )?;
        Ok(Some(match account {
            Some(account) => owned.into_iter().filter(|owned| *owned == account).collect(),
            None => owned,
        }))
    }

    /// Whether an account is seen.
    pub(crate) fn sees(&self, account: AccountId, visibility: Visibility) -> Result<bool, ViewsError> {
        match visibility {
            Visibility::All => Ok(true),
            Visibility::Owner(_) => {
                Ok(self.confined(Some(account), visibility)?.is_some_and(|a| !a.is_empty()))
            }
        }
    }
}
