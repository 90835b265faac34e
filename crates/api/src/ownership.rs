//! Whose account it is: a trader sees and touches his own, and of others he does not even learn that they exist.

use crate::auth::Role;
use crate::call::Call;
use crate::catalog::Scales;
use crate::problem::{Problem, kinds};
use crate::services::Api;
use vocabulary::{AccountId, InstrumentId, OrderId};

/// What an account may be touched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To look at it: its owner, and every office.
    Read,
    /// To trade for it: its owner alone.
    Trade,
    /// To take orders off the book: its owner, and an operator.
    Cancel,
}

impl Api {
    /// Lets the call at the account, or says that there is no such account.
    pub(crate) async fn check_account(
        &self,
        call: &Call,
        account: AccountId,
        purpose: Purpose,
    ) -> Result<(), Problem> {
        let unknown = || {
            let detail = format!("there is no account {account}, or it is not yours");
            Problem::new(&kinds::UNKNOWN_ACCOUNT, detail).in_field("account")
        };
        let owner = self.catalog.find_owner(account).await?.ok_or_else(unknown)?;
        let principal = &call.principal;
        let allowed = owner == principal.user
            || match purpose {
                Purpose::Read => !principal.is_confined(),
                Purpose::Trade => false,
                Purpose::Cancel => principal.roles.has(Role::Operator),
            };
        if allowed { Ok(()) } else { Err(unknown().denied()) }
    }

    /// Lets the call at an open order and gives what its numbers are read with, or says that there is none. An order
    /// that is not open any more looks the same to everybody.
    pub(crate) async fn check_order(
        &self,
        call: &Call,
        order: OrderId,
        purpose: Purpose,
    ) -> Result<(InstrumentId, Scales), Problem> {
        let look = move |state: &engine::State| state.trading.terms(order);
        let (_, terms) = self.look(look).await?;
        let not_open = || Problem::new(&kinds::ORDER_NOT_OPEN, format!("there is no open order {order}"));
        let terms = terms.ok_or_else(not_open)?;
        match self.check_account(call, terms.account, purpose).await {
            Ok(()) => {}
            Err(problem) if problem.is_denied() => return Err(not_open().denied()),
            Err(problem) => return Err(problem),
        }
        Ok((terms.instrument, self.catalog.scales("instrument", terms.instrument).await?))
    }
}
