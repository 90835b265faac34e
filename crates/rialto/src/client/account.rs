//! `rialto account`: open, deposit, withdraw, list, show.

use api::Role;
use clap::{Args, Subcommand};
use serde_json::json;

use super::order::{print_page, show};
use super::{Ask, Client, Connection, Speaker, query};
use crate::cli::Failure;

/// What can be done with accounts.
#[derive(Subcommand)]
pub(crate) enum AccountCommand {
    /// Opens an account with a participant.
    Open {
        /// The account's code.
        account: String,
        /// The clearing member that carries it.
        #[arg(long)]
        participant: String,
        /// Opaque id of its owner: never a name.
        #[arg(long)]
        owner: String,
    },
    /// Brings an asset in from outside.
    Deposit(Transfer),
    /// Takes an available asset out.
    Withdraw(Transfer),
    /// Lists accounts.
    List {
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Where the last page ended.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Shows what an account has.
    Show {
        /// The account's code.
        account: String,
    },
}

#[derive(Args)]
pub(crate) struct Transfer {
    /// The account's code.
    account: String,
    /// Which asset.
    #[arg(long)]
    asset: String,
    /// How much, as a decimal number.
    #[arg(long, allow_negative_numbers = true)]
    amount: String,
}

const OPERATOR: Speaker = Speaker::Office(Role::Operator);

/// Runs one of them.
pub(crate) fn run(connection: &Connection, command: &AccountCommand) -> Result<(), Failure> {
    let client = Client::connect(connection)?;
    match command {
        AccountCommand::Open { account, participant, owner } => {
            let body = json!({"account": account, "participant": participant, "owner": owner});
            show(&client, &client.ask(OPERATOR, "/trading/accounts", &Ask::Post(&body))?)
        }
        AccountCommand::Deposit(transfer) => move_funds(&client, transfer, "deposits"),
        AccountCommand::Withdraw(transfer) => move_funds(&client, transfer, "withdrawals"),
        AccountCommand::List { limit, cursor } => {
            let parts = [("limit", Some(limit.to_string())), ("cursor", cursor.clone())];
            let page = client.ask(OPERATOR, &format!("/trading/accounts{}", query(&parts)), &Ask::Get)?;
            print_page(
                &client,
                &page,
                &[("account", "account"), ("participant", "participant"), ("owner", "owner")],
            )
        }
        AccountCommand::Show { account } => show_balances(&client, account),
    }
}

fn move_funds(client: &Client, transfer: &Transfer, what: &str) -> Result<(), Failure> {
    let body = json!({"asset": transfer.asset, "amount": transfer.amount});
    let path = format!("/trading/accounts/{}/{what}", transfer.account);
    show(client, &client.ask(OPERATOR, &path, &Ask::Post(&body))?)
}

fn show_balances(client: &Client, account: &str) -> Result<(), Failure> {
    let page = client.ask(OPERATOR, &format!("/trading/accounts/{account}/balances"), &Ask::Get)?;
    let columns = [
        ("asset", "asset"),
        ("available>", "available"),
        ("frozen>", "frozen"),
        ("in clearing>", "clearing"),
    ];
    print_page(client, &page, &columns)
}
