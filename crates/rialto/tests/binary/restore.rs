//! A cluster whose database is restored to a point in time goes on from there. Needs PostgreSQL installed.

use crate::cluster::{Cluster, ORDERS};
use crate::load::await_that;
use crate::server::Server;
use serde_json::Value;
use std::fs;

/// What clients of their own call an order that is lost.
const LATER: &str = "later-1";

fn place_later(cluster: &Cluster) -> Value {
    let trader = cluster.token("ann", "trader");
    let (status, answer) = cluster.gateway.post(&trader, ORDERS, &Server::order(LATER)).unwrap();
    assert_eq!(status, 201, "{answer}");
    answer
}

#[test]
fn services_go_on_from_the_point_in_time_that_their_database_is_restored_to() {
    let cluster = Cluster::with_archived_database();
    cluster.gateway.open_market();
    let mut backup = None;
    let clients = cluster.clients();
    clients.under_load("a base backup is made", || {
        clients.await_more(20);
        backup = Some(cluster.postgres.lock().unwrap().base_backup().unwrap());
        clients.await_more(20);
    });
    clients.assert_sound();
    let orders = clients.into_orders();
    let state = cluster.state();
    let time = cluster.postgres.lock().unwrap().sql("postgres", "SELECT clock_timestamp()").unwrap();
    place_later(&cluster);
    cluster.calm();
    assert_ne!(cluster.state(), state);

    cluster.stop();
    cluster.postgres.lock().unwrap().restore(&backup.unwrap(), &time).unwrap();
    assert_eq!(cluster.state(), state, "every service is where it was then");
    for service in &cluster.services {
        for (number, replica) in service.replicas.iter().enumerate() {
            // It has followed a history that is no more.
            fs::remove_dir_all(&replica.directory).unwrap();
            service.restart(number);
        }
    }
    await_that("a leader of every service", || (cluster.gateway.get("", "/readyz").0 == 200).then_some(()));
    let clients = cluster.clients_with(orders);
    clients.assert_sound();
    clients.assert_retries_are_told_the_same();
    place_later(&cluster);
    cluster.verify();
}
