//! Accounts: opening them, and funds that come in and go out.

use crate::answer::{self, Answer, Done, done};
use crate::call::{Call, Filter, Place, parameter};
use crate::decimals::{Decimal, amount_text};
use crate::ownership::Purpose;
use crate::problem::{Problem, kinds};
use crate::services::Api;
use axum::extract::State;
use engine::Command;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use trading::{Account, Trading};
use vocabulary::{AccountId, AssetId, ParticipantId, UserId};

/// Accounts of a page when nobody says how many, and at most.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;

/// An account to open.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// Its code.
    #[schema(value_type = String, example = "A1")]
    account: AccountId,
    /// Who clears for it.
    #[schema(value_type = String, example = "BROKER1")]
    participant: ParticipantId,
    /// Opaque id of its owner, as it stands in his token. Never a name.
    #[schema(value_type = String, example = "u-7f3a")]
    owner: UserId,
}

/// An amount that comes in or goes out.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transfer<'a> {
    /// Of what.
    #[schema(value_type = String, example = "CNY")]
    asset: AssetId,
    /// How much.
    #[serde(borrow)]
    #[schema(value_type = String, example = "1000000.00")]
    amount: Decimal<'a>,
}

/// An account with what it has.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct AccountBody {
    #[schema(value_type = String, example = "A1")]
    account: AccountId,
    #[schema(value_type = String, example = "BROKER1")]
    participant: ParticipantId,
    #[schema(value_type = String, example = "u-7f3a")]
    owner: UserId,
    balances: Vec<BalanceBody>,
}

/// What an account has of one asset.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct BalanceBody {
    #[schema(value_type = String, example = "CNY")]
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
pub(crate) struct AccountFilter {
    /// Those that this participant clears for.
    #[param(value_type = Option<String>)]
    participant: Option<ParticipantId>,
    /// Those of this owner.
    #[param(value_type = Option<String>)]
    owner: Option<UserId>,
    /// 1 to 1,000; 100 if left out.
    limit: Option<usize>,
    /// Where to begin: `next` of the page before.
    cursor: Option<usize>,
}

/// Accounts, and where the next page begins.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct AccountPage {
    /// In the order in which they were opened.
    items: Vec<AccountBody>,
    /// The cursor of the next page; null if this is the last.
    next: Option<usize>,
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

/// Accounts with what they have now. A trader sees his own.
#[utoipa::path(get, path = "/trading/accounts", tag = "accounts", params(AccountFilter),
    responses((status = 200, description = "Oldest first", body = AccountPage)))]
pub(crate) async fn list_accounts(
    State(api): State<Arc<Api>>,
    call: Call,
    Filter(filter): Filter<AccountFilter>,
) -> Answer {
    let AccountFilter { participant, owner, limit, cursor } = filter;
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::new(&kinds::INVALID_QUERY, "limit must be 1 to 1000").in_field("limit"));
    }
    let confined = call.principal.is_confined().then_some(call.user());
    let wanted = move |account: &Account| {
        participant.is_none_or(|wanted| wanted == account.participant)
            && owner.is_none_or(|wanted| wanted == account.owner)
            && confined.is_none_or(|wanted| wanted == account.owner)
    };
    let look = move |state: &engine::State| {
        let accounts = state.trading.ledger().accounts().iter().enumerate().skip(cursor.unwrap_or(0));
        let mut found = accounts.filter(|(_, account)| wanted(account)).take(limit + 1);
        let bodies = found.by_ref().take(limit);
        let items = bodies.map(|(_, account)| AccountBody::of(&state.trading, account)).collect();
        AccountPage { items, next: found.next().map(|(at, _)| at) }
    };
    let (position, page) = api.look(look).await?;
    answer::ok(position, &page)
}

/// An account with what it has now.
#[utoipa::path(get, path = "/trading/accounts/{account}", tag = "accounts",
    params(("account" = String, Path, description = "Its code")),
    responses((status = 200, description = "The account", body = AccountBody)))]
pub(crate) async fn get_account(
    State(api): State<Arc<Api>>,
    Place(account): Place<String>,
    call: Call,
) -> Answer {
    let account: AccountId = parameter("account", &account)?;
    api.check_account(&call, account, Purpose::Read).await?;
    let look = move |state: &engine::State| {
        state.trading.ledger().account(account).map(|found| AccountBody::of(&state.trading, found))
    };
    let (position, found) = api.look(look).await?;
    let found = found.ok_or_else(|| {
        Problem::new(&kinds::UNKNOWN_ACCOUNT, format!("there is no account {account}")).in_field("account")
    })?;
    answer::ok(position, &found)
}

/// Brings an asset into an account from outside. Send an `Idempotency-Key`: without one, a repetition is a second deposit.
#[utoipa::path(post, path = "/trading/accounts/{account}/deposits", tag = "accounts", request_body = Transfer,
    params(("account" = String, Path, description = "Into which account")),
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
    params(("account" = String, Path, description = "From which account")),
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
