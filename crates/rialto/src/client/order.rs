//! `rialto order`: place, cancel, replace, list, show, trace.

use api::Role;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::table::{print_members, print_table};
use super::{Ask, Client, Connection, Speaker, query};
use crate::cli::Failure;
use crate::output::say;

/// What can be done with orders.
#[derive(Subcommand)]
pub(crate) enum OrderCommand {
    /// Places an order, speaking for the account's owner.
    Place(Place),
    /// Cancels one order, by its id or by its client's own id, or all of an account.
    Cancel(Cancel),
    /// Changes an open order, speaking for the account's owner. A smaller quantity at the same price keeps its priority.
    Replace(Replace),
    /// Lists orders, newest first.
    List(List),
    /// Shows one order.
    Show {
        /// The order's id.
        #[arg(value_parser = order_id)]
        order: u64,
    },
    /// Prints an order's whole life in sequence.
    Trace {
        /// The order's id.
        #[arg(value_parser = order_id)]
        order: u64,
    },
}

#[derive(Args)]
pub(crate) struct Place {
    /// For which account.
    #[arg(long)]
    account: String,
    /// In what.
    #[arg(long)]
    instrument: String,
    /// Buy or sell.
    #[arg(long)]
    side: Side,
    /// How much, as a decimal number.
    #[arg(long, allow_negative_numbers = true)]
    quantity: String,
    /// The limit, as a decimal number; without it, a market order.
    #[arg(long, allow_negative_numbers = true)]
    price: Option<String>,
    /// How long it lives; else day for a limit order, immediate-or-cancel for a market order.
    #[arg(long)]
    time_in_force: Option<TimeInForce>,
    /// Must not match when it comes in.
    #[arg(long)]
    post_only: bool,
    /// What to do when it meets an order of the same owner.
    #[arg(long, default_value = "off")]
    self_trade_prevention: SelfTradePrevention,
    /// Your own id of the order: placing the same order under it again is safe.
    #[arg(long)]
    client_order_id: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Side {
    Buy,
    Sell,
}

#[derive(Clone, Copy, ValueEnum)]
enum TimeInForce {
    GoodTillCancel,
    Day,
    ImmediateOrCancel,
    FillOrKill,
}

#[derive(Clone, Copy, ValueEnum)]
enum SelfTradePrevention {
    Off,
    CancelNewest,
    CancelOldest,
    CancelBoth,
}

/// The name of a choice as the API spells it.
fn name(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().replace('-', "_")).unwrap_or_default()
}

#[derive(Args)]
pub(crate) struct Cancel {
    /// The order's id.
    #[arg(value_parser = order_id, required_unless_present_any = ["client_order_id", "all"])]
    #[arg(conflicts_with_all = ["client_order_id", "all", "account"])]
    order: Option<u64>,
    /// The account that placed it.
    #[arg(long)]
    account: Option<String>,
    /// The client's own id of the order.
    #[arg(long, requires = "account")]
    client_order_id: Option<String>,
    /// All orders of the account.
    #[arg(long, requires = "account", conflicts_with = "client_order_id")]
    all: bool,
}

#[derive(Args)]
pub(crate) struct Replace {
    /// The order's id.
    #[arg(value_parser = order_id)]
    order: u64,
    /// The new limit, as a decimal number; else the same.
    #[arg(long, allow_negative_numbers = true, required_unless_present = "quantity")]
    price: Option<String>,
    /// The new total quantity, what is executed included, as a decimal number; else the same.
    #[arg(long, allow_negative_numbers = true)]
    quantity: Option<String>,
}

fn order_id(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "order id must be a whole number".to_owned())
}

#[derive(Args)]
pub(crate) struct List {
    /// Only those of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only those in this instrument.
    #[arg(long)]
    instrument: Option<String>,
    /// Only those in this status: open, executed, canceled, rejected, settled and so on.
    #[arg(long)]
    status: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Where the last page ended.
    #[arg(long)]
    cursor: Option<String>,
}

const OFFICE: Speaker = Speaker::Office(Role::Auditor);

/// Runs one of them.
pub(crate) fn run(connection: &Connection, command: &OrderCommand) -> Result<(), Failure> {
    let client = Client::connect(connection)?;
    match command {
        OrderCommand::Place(place) => {
            let speaker = client.owner_of(&place.account)?;
            show(&client, &client.ask(speaker, "/trading/orders", &Ask::Post(&place.body()))?)
        }
        OrderCommand::Cancel(cancel) => {
            let operator = Speaker::Office(Role::Operator);
            show(&client, &client.ask(operator, &cancel.path(), &Ask::Delete)?)
        }
        OrderCommand::Replace(replace) => {
            let speaker = client.owner_of_order(replace.order)?;
            let path = format!("/trading/orders/{}", replace.order);
            show(&client, &client.ask(speaker, &path, &Ask::Patch(&replace.body()))?)
        }
        OrderCommand::List(list) => print_list(&client, &client.ask(OFFICE, &list.path(), &Ask::Get)?),
        OrderCommand::Show { order } => {
            show(&client, &client.ask(OFFICE, &format!("/trading/orders/{order}"), &Ask::Get)?)
        }
        OrderCommand::Trace { order } => {
            print_trace(&client, &client.ask(OFFICE, &format!("/trading/orders/{order}/trace"), &Ask::Get)?)
        }
    }
}

impl Place {
    fn body(&self) -> Value {
        let mut body = json!({
            "account": self.account,
            "instrument": self.instrument,
            "side": name(self.side),
            "type": if self.price.is_some() { "limit" } else { "market" },
            "quantity": self.quantity,
            "post_only": self.post_only,
            "self_trade_prevention": name(self.self_trade_prevention),
        });
        let given = [
            ("price", self.price.clone()),
            ("time_in_force", self.time_in_force.map(name)),
            ("client_order_id", self.client_order_id.clone()),
        ];
        for (member, value) in given {
            if let Some(value) = value {
                body[member] = Value::String(value);
            }
        }
        body
    }
}

impl Cancel {
    fn path(&self) -> String {
        match self.order {
            Some(order) => format!("/trading/orders/{order}"),
            None => {
                let parts =
                    [("account", self.account.clone()), ("client_order_id", self.client_order_id.clone())];
                format!("/trading/orders{}", query(&parts))
            }
        }
    }
}

impl Replace {
    fn body(&self) -> Value {
        let given = [("price", &self.price), ("quantity", &self.quantity)];
        let given = given.into_iter().filter_map(|(member, value)| Some((member, value.as_deref()?)));
        given.map(|(member, value)| (member.to_owned(), Value::from(value))).collect()
    }
}

impl List {
    fn path(&self) -> String {
        let parts = [
            ("account", self.account.clone()),
            ("instrument", self.instrument.clone()),
            ("status", self.status.clone()),
            ("limit", Some(self.limit.to_string())),
            ("cursor", self.cursor.clone()),
        ];
        format!("/trading/orders{}", query(&parts))
    }
}

pub(super) fn show(client: &Client, value: &Value) -> Result<(), Failure> {
    if client.json {
        say!("{value}");
    } else {
        print_members(value);
    }
    Ok(())
}

/// Rows of a page, and how to get the next one.
pub(super) fn print_page(
    client: &Client,
    page: &Value,
    columns: &[super::table::Column],
) -> Result<(), Failure> {
    if client.json {
        say!("{page}");
        return Ok(());
    }
    print_table(page["items"].as_array().map_or(&[][..], Vec::as_slice), columns);
    if let Some(cursor) = page["next"].as_str() {
        say!("more: --cursor {cursor}");
    }
    Ok(())
}

fn print_list(client: &Client, page: &Value) -> Result<(), Failure> {
    let columns = [
        ("order", "order"),
        ("account", "account"),
        ("instrument", "instrument"),
        ("side", "side"),
        ("price>", "limit"),
        ("quantity>", "quantity"),
        ("executed>", "executed"),
        ("status", "status"),
    ];
    print_page(client, page, &columns)
}

fn print_trace(client: &Client, trace: &Value) -> Result<(), Failure> {
    if client.json {
        say!("{trace}");
        return Ok(());
    }
    print_page(
        client,
        trace,
        &[
            ("service", "service"),
            ("position>", "position"),
            ("time", "time"),
            ("event", "event"),
            ("what", "summary"),
            ("correlation", "correlation"),
        ],
    )?;
    let missing = trace["missing"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let missing = missing.collect::<Vec<_>>().join(", ");
    if !missing.is_empty() {
        say!("not told here: {missing}");
    }
    Ok(())
}
