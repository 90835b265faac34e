//! Accounts: opening them, and funds that come in and go out.

use crate::answer::{self, Answer, Done, done};
use crate::call::{Call, Filter, Place, parameter};
use crate::decimals::{Decimal, amount_text};
use crate::forms;
use crate::ownership::Purpose;
use crate::problem::{Problem, kinds};
use crate::reads::{PageBody, page, visibility};
use crate::rows;
use crate::services::Api;
use axum::extract::State;
use engine::Command;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use trading::{Account, Trading};
use vocabulary::{AccountId, AssetId, ParticipantId, UserId};

/// An account to open.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// Its code.
    #[schema(value_type = forms::Code, example = "A1")]
    account: AccountId,
    /// Who clears for it.
    #[schema(value_type = forms::Code, example = "BROKER1")]
    participant: ParticipantId,
    /// Opaque id of its owner, as it stands in his token. Never a name.
    #[schema(value_type = forms::Id, example = "u-7f3a")]
    owner: UserId,
}

/// An amount that comes in or goes out.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transfer<'a> {
    /// Of what.
    #[schema(value_type = forms::Code, example = "CNY")]
    asset: AssetId,
    /// How much.
    #[serde(borrow)]
    #[schema(example = "1000000.00")]
    amount: Decimal<'a>,
}

/// An account with what it has.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct AccountBody {
    #[schema(value_type = forms::Code, example = "A1")]
    account: AccountId,
    #[schema(value_type = forms::Code, example = "BROKER1")]
    participant: ParticipantId,
    #[schema(value_type = forms::Id, example = "u-7f3a")]
    owner: UserId,
    balances: Vec<BalanceBody>,
}

/// What an account has of one asset.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct BalanceBody {
    #[schema(value_type = forms::Code, example = "CNY")]
    asset: AssetId,
    /// Free to use.
    #[schema(example = "821200.00")]
    available: String,
    /// Set aside for open orders.
    #[schema(example = "178800.00")]
    frozen: String,
    /// Executed, on its way through clearing.
    #[schema(example = "0.00")]
    clearing: String,
}

/// Which accounts.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountQuery {
    /// Those that this participant clears for.
    #[param(value_type = Option<forms::Code>)]
    participant: Option<ParticipantId>,
    /// Rows of the page, 1 to 1,000; 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// Opens an account.
#[utoipa::path(post, path = "/trading/accounts", tag = "accounts", request_body = NewAccount,
    responses((status = 200, description = "Open", body = Done)))]
pub(crate) async fn open_account(State(api): State<Arc<Api>>, call: Call) -> Answer {
    let NewAccount { account, participant, owner } = call.read()?;
    let look = move |state: &engine::State| state.trading.participants().contains(&participant);
    if !api.look(look).await?.1 {
        let detail = format!("there is no participant {participant}");
        return Err(Problem::new(&kinds::UNKNOWN_REFERENCE, detail).in_field("participant"));
    }
    let open = trading::Command::OpenAccount { account, participant, owner };
    done(&api.submit(call.request(Command::Trading(open))).await?)
}

/// Accounts. A trader sees his own.
#[utoipa::path(get, path = "/trading/accounts", tag = "accounts", params(AccountQuery),
    responses((status = 200, description = "By code", body = PageBody<rows::Account>)))]
pub(crate) async fn list_accounts(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(query): Filter<AccountQuery>,
) -> Answer {
    let (page, seen) = (page(query.limit, query.cursor)?, visibility(&call.principal));
    let ask = move |views: &views::Snapshot| views.accounts(query.participant, seen, &page);
    let (position, rows) = api.ask(&call, ask).await?;
    answer::ok(position, &PageBody::of(rows))
}

/// An account with what it has now.
#[utoipa::path(get, path = "/trading/accounts/{account}", tag = "accounts",
    params(("account" = forms::Code, Path, description = "Its code")),
    responses((status = 200, description = "The account", body = AccountBody)))]
pub(crate) async fn get_account(
    State(api): State<Arc<Api>>,
    Place(account): Place<String>,
    call: Call,
) -> Answer {
    let (position, found) = find(&api, &call, &account).await?;
    answer::ok(position, &found)
}

/// What an account has now.
#[utoipa::path(get, path = "/trading/accounts/{account}/balances", tag = "accounts",
    params(("account" = forms::Code, Path, description = "Its code")),
    responses((status = 200, description = "By asset", body = PageBody<BalanceBody>)))]
pub(crate) async fn list_balances(
    State(api): State<Arc<Api>>,
    Place(account): Place<String>,
    call: Call,
) -> Answer {
    let (position, found) = find(&api, &call, &account).await?;
    answer::ok(position, &PageBody::whole(found.balances))
}

async fn find(api: &Api, call: &Call, account: &str) -> Result<(u64, AccountBody), Problem> {
    let account: AccountId = parameter("account", account)?;
    api.check_account(call, account, Purpose::Read).await?;
    let look = move |state: &engine::State| {
        state.trading.ledger().account(account).map(|found| AccountBody::of(&state.trading, found))
    };
    let (position, found) = api.look(look).await?;
    let unknown = || Problem::new(&kinds::UNKNOWN_ACCOUNT, format!("there is no account {account}"));
    Ok((position, found.ok_or_else(unknown)?))
}

/// Brings an asset into an account from outside. Send an `Idempotency-Key`: without one, a repetition is a second deposit.
#[utoipa::path(post, path = "/trading/accounts/{account}/deposits", tag = "accounts", request_body = Transfer,
    params(("account" = forms::Code, Path, description = "Into which account")),
    responses((status = 200, description = "In", body = Done)))]
pub(crate) async fn deposit(
    State(api): State<Arc<Api>>,
    Place(account): Place<String>,
    call: Call,
) -> Answer {
    let account = parameter("account", &account)?;
    let body: Transfer<'_> = call.read()?;
    let scale = api.catalog.scale("asset", body.asset).await?;
    let amount = body.amount.amount("amount", scale)?;
    let deposit = trading::Command::Deposit { account, asset: body.asset, amount };
    done(&api.submit(call.request(Command::Trading(deposit))).await?)
}

/// Takes an available asset out of an account. Send an `Idempotency-Key`: without one, a repetition takes it out again.
#[utoipa::path(post, path = "/trading/accounts/{account}/withdrawals", tag = "accounts", request_body = Transfer,
    params(("account" = forms::Code, Path, description = "From which account")),
    responses((status = 200, description = "Out", body = Done)))]
pub(crate) async fn withdraw(
    State(api): State<Arc<Api>>,
    Place(account): Place<String>,
    call: Call,
) -> Answer {
    let account = parameter("account", &account)?;
    let body: Transfer<'_> = call.read()?;
    let scale = api.catalog.scale("asset", body.asset).await?;
    let amount = body.amount.amount("amount", scale)?;
    let withdraw = trading::Command::Withdraw { account, asset: body.asset, amount };
    done(&api.submit(call.request(Command::Trading(withdraw))).await?)
}

impl AccountBody {
    fn of(trading: &Trading, account: &Account) -> Self {
        let balance = |(asset, balance): &(AssetId, trading::Balance)| {
            let scale = trading.assets().get(asset).map_or(0, |known| known.scale);
            BalanceBody {
                asset: *asset,
                available: amount_text(balance.available, scale),
                frozen: amount_text(balance.frozen, scale),
                clearing: amount_text(balance.clearing, scale),
            }
        };
        Self {
            account: account.account,
            participant: account.participant,
            owner: account.owner,
            balances: account.balances().iter().map(balance).collect(),
        }
    }
}
